"""The quarterly access review: every account's owner has a manager who says whether it is still needed.

A Python workflow, because it asks as many questions as there are accounts; a fixed list of steps is better a flow.yaml.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from hitl_temporal import sdk

with workflow.unsafe.imports_passed_through():
    from hitl_project.activities import accounts

RETRY = RetryPolicy(maximum_attempts=5)


@dataclass(frozen=True)
class Review:
    """The input: which quarter is reviewed, and who runs the review."""

    quarter: str
    requester: str = "system:client"


@workflow.defn(name="quarterly_access_review")
class QuarterlyAccessReview:
    """Asks for each account, all at once; disables what is not confirmed in time: silence is never approval."""

    @workflow.run
    async def run(self, review: Review) -> dict[str, list[str]]:
        """Return the accounts `kept` and `disabled`, in the order of the list."""
        found = await workflow.execute_activity(
            accounts.list_accounts, start_to_close_timeout=timedelta(minutes=1), retry_policy=RETRY
        )
        kept = await asyncio.gather(*(self._is_needed(review, account) for account in found))
        disabled = [a.account for a, is_kept in zip(found, kept, strict=True) if not is_kept]
        for account in disabled:
            await workflow.execute_activity(
                accounts.disable, account, start_to_close_timeout=timedelta(minutes=1), retry_policy=RETRY
            )
        return {"kept": [a.account for a in found if a.account not in disabled], "disabled": disabled}

    async def _is_needed(self, review: Review, account: accounts.Account) -> bool:
        answer = await sdk.ask(
            account.account.replace("-", "_"),
            f"{review.quarter}: does {account.person} still need {account.account} ({account.role})?",
            requester=review.requester,
            beneficiary=account.person,
            who=[f"manager:user:{account.person}"],
            fallback=["group:security-leads"],
            due="10bd",
            remind="3bd",
            at_due="expire",
        )
        return answer.positive
