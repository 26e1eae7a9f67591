"""The workbench's grid and timeline as widgets of a notebook: the only door to anywidget.

A notebook has no server at the page's address. So the page's own modules are bundled into one
text, what they ask travels as messages of the widget, and the handlers of `vquery.web` answer it
inside the kernel.
"""
