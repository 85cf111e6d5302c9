"""The connector `email.send`: one message over SMTP."""

from hitl_temporal.integrations.mail.models import Attachment, Mail, Sent
from hitl_temporal.integrations.mail.sending import connector
from hitl_temporal.integrations.mail.settings import Settings

__all__ = ["Attachment", "Mail", "Sent", "Settings", "connector"]
