"""The file channel and the file of tickets: JSON lines; the defaults until real systems are set up."""

from hitl_temporal.integrations.file.notifier import FileNotifier
from hitl_temporal.integrations.file.tickets import FileTickets

__all__ = ["FileNotifier", "FileTickets"]
