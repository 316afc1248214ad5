"""Delivery: files to the places of their owners, whole, or tried again for days.

`place`: where to, as an address; `remote`: the one way in which a file becomes whole there, over the hooks
that `folder`, `ftp` and `sftp` fill.
"""
