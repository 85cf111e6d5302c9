"""The file channel: what people are told, one JSON object a line; the default until a real channel is set up."""

from hitl_temporal.integrations.file.notifier import FileNotifier

__all__ = ["FileNotifier"]
