"""The website's side of the book, run by Sphinx: figures without a kernel, formulas without a script, copies for Colab.

The library never imports this package.
"""
