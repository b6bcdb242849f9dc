"""The library of the book *From Vectors to Attention*: one topic per module, modules in the order of the book.

Notebooks import from the modules (``from vec2attn.softmax import softmax``), so that a reader always knows the file.
This file imports nothing: ``import vec2attn`` is quick and needs no torch.
"""

__version__ = "0.1.0"
