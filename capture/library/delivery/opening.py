"""A connection to a place, by its kind."""

from __future__ import annotations

from capture.library.delivery.folder import FolderRemote
from capture.library.delivery.ftp import FtpRemote
from capture.library.delivery.place import Place
from capture.library.delivery.remote import Remote
from capture.library.delivery.sftp import SftpRemote


def open_place(place: Place) -> Remote:
    """Sign in there. Raises DeliveryError; BadInput when an extra is missing."""
    match place.scheme:
        case "folder":
            return FolderRemote(place)
        case "sftp":
            return SftpRemote(place)
        case _:
            return FtpRemote(place)
