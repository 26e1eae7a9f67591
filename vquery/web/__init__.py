"""The workbench: a page in the browser where a collection is queried, seen and labelled.

``guard`` refuses what does not come from the page itself; ``wire`` checks what comes in and writes
what goes out; ``state`` holds what requests share. Every other module has its ``ROUTES``: thin
handlers, each one call into the api. starlette and uvicorn are imported only in this package.
"""
