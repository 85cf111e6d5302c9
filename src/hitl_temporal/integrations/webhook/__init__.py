"""Messages of other systems, signed as Standard Webhooks says."""

from hitl_temporal.integrations.webhook.inbound import Message, RefusedError, read

__all__ = ["Message", "RefusedError", "read"]
