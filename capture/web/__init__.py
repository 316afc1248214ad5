"""The page: what a farm does and holds, in a browser and as JSON.

It reads the catalogue and asks the service; it holds no device. Whatever is to be done is a typed request
that the service carries out.
"""
