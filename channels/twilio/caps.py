"""How much goes out at most: toll fraud makes a desk write to numbers that earn their owners money, and a fault can do the same."""

from datetime import timedelta
from decimal import Decimal

from bot.messages import Payload, Say
from channels import Capped
from channels.errors import Elsewhere, Permanent, Temporary
from channels.twilio import SMS
from core.config import Settings
from core.messaging.outbox import ANSWER, CODE, Owed
from core.messaging.quotas import Draw

DAY = timedelta(days=1)
CODES, CODES_PER = 3, timedelta(minutes=10)  # to one number
RANGE, RANGE_PER = 20, timedelta(hours=1)  # codes to the 10,000 numbers that differ in their last digits alone
LAST_DIGITS = 4
FOR_ANSWERS = Decimal("0.25")  # of the day's money, whatever else went out
LOOK_AGAIN = timedelta(minutes=10)  # whether there is money again, or a bigger budget

MONEY, UNASKED = "sms money", "sms money but for answers"
BUDGET_USED_UP, MANY_CODES, CONVERSATIONS_USED_UP = "budget_used_up", "many_codes", "conversations_used_up"


def of_sms(settings: Settings, owed: Owed, payload: Payload, segments: int) -> list[Capped]:
    """What an SMS of so many segments takes. In an emergency nobody counts."""
    if Say("emergency") in payload.reply.says:
        return []
    price, budget = settings.twilio_segment_price * segments, settings.twilio_daily_budget
    waits = Temporary(BUDGET_USED_UP, LOOK_AGAIN, forgiven=True, is_ours=True)
    capped = [Capped(Draw(MONEY, budget, DAY, price), waits)]
    if owed.priority != ANSWER:
        capped.append(Capped(Draw(UNASKED, budget * (1 - FOR_ANSWERS), DAY, price), waits))
    if owed.priority == CODE:
        capped.append(Capped(Draw(f"to address {owed.address_id}: codes", Decimal(CODES), CODES_PER), _enough()))
        prefix = owed.address[:-LAST_DIGITS]
        capped.append(Capped(Draw(f"to {prefix}…: codes", Decimal(RANGE), RANGE_PER), _enough(is_ours=True)))
    return capped


def of_conversation(settings: Settings, owed: Owed, sms_number: str) -> Capped:
    """What it takes to write to somebody on WhatsApp who has not written for a day: Meta counts those.

    https://developers.facebook.com/docs/whatsapp/messaging-limits
    """
    most = Decimal(settings.twilio_daily_conversations)
    return Capped(Draw(conversations(owed.account), most, DAY), Elsewhere(CONVERSATIONS_USED_UP, SMS, sms_number))


def conversations(account: str) -> str:
    """What the day's count of an account of ours is called."""
    return f"whatsapp conversations of {account}"


def _enough(*, is_ours: bool = False) -> Permanent:
    return Permanent(MANY_CODES, is_ours=is_ours)
