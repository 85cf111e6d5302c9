"""The search attributes, by their promised names and types; `hitl up` and `hitl doctor --fix` register them."""

from temporalio.common import SearchAttributeKey

STATE = SearchAttributeKey.for_keyword("HitlState")
FLOW = SearchAttributeKey.for_keyword("HitlFlow")
REQUESTER = SearchAttributeKey.for_keyword("HitlRequester")
DUE = SearchAttributeKey.for_datetime("HitlDue")
PRIORITY = SearchAttributeKey.for_int("HitlPriority")
ASSIGNEES = SearchAttributeKey.for_keyword_list("HitlAssignees")
GROUPS = SearchAttributeKey.for_keyword_list("HitlGroups")
WAITING = SearchAttributeKey.for_keyword_list("HitlWaiting")

ALL = (STATE, FLOW, REQUESTER, DUE, PRIORITY, ASSIGNEES, GROUPS, WAITING)
