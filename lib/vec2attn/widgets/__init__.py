"""The book's interactive figures: one `name.py` and one `name.js` each, on the shared `base` in Python, JS and CSS."""
