"""The file channel, the file of tickets and the folder of blobs: the defaults until real systems are set up."""

from hitl_temporal.integrations.file.blobs import FileBlobs
from hitl_temporal.integrations.file.notifier import FileNotifier
from hitl_temporal.integrations.file.tickets import FileTickets

__all__ = ["FileBlobs", "FileNotifier", "FileTickets"]
