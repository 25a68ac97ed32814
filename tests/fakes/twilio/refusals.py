"""How Twilio says no, at once or later.

The codes are Twilio's [D]; the words are those of its answers as recalled [R], and nobody should read them.
"""

from typing import Any

MORE = "https://www.twilio.com/docs/errors/"


class Refusal(Exception):
    """An answer that says no."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    @property
    def body(self) -> dict[str, Any]:
        """The JSON that says it."""
        return {"code": self.code, "message": self.message, "more_info": f"{MORE}{self.code}", "status": self.status}


def bad_request(code: int, message: str) -> Refusal:
    return Refusal(400, code, message)


def unauthorized() -> Refusal:
    return Refusal(401, 20003, "Authenticate")


def not_found(path: str) -> Refusal:
    return Refusal(404, 20404, f"The requested resource {path} was not found")


def not_for_test_credentials() -> Refusal:
    return Refusal(403, 20008, "Resource not accessible with Test Account Credentials")


def too_many() -> Refusal:
    return Refusal(429, 20429, "Too Many Requests")


def invalid(message: str) -> Refusal:
    """A parameter that makes no sense [R for the code]."""
    return bad_request(20001, message)


# To be raised as Refusal(*NO_TO).
NO_TO = (400, 21604, "A 'To' phone number is required.")
NO_FROM = (400, 21603, "A 'From' phone number is required.")
NO_BODY = (400, 21619, "A text message body or media urls must be specified.")
TOO_LONG = (400, 21617, "The concatenated message body exceeds the 1600 character limit")
QUEUE_FULL = (400, 21611, "This 'From' number has exceeded the maximum number of queued messages")
OPTED_OUT = (400, 21610, "Attempt to send to unsubscribed recipient")
TO_ITSELF = (400, 21266, "'To' and 'From' number cannot be the same")
MIXED_CHANNELS = (400, 21910, "Invalid From and To pair. From and To should be of the same channel")
NO_CHANNEL = (400, 63007, "Twilio could not find a Channel with the specified From address")
NO_SUCH_SERVICE = (400, 21705, "The Messaging Service Sid is invalid")
EMPTY_SERVICE = (400, 21703, "The Messaging Service does not have a phone number available to send a message")
NO_SUCH_CONTENT = (400, 21655, "The ContentSid is invalid")
BAD_VARIABLES = (400, 21656, "The ContentVariables Parameter is invalid")
SCHEDULED_WITHOUT_SERVICE = (400, 35118, "MessagingServiceSid is required to schedule a message")
NO_SEND_AT = (400, 35111, "'SendAt' cannot be empty for ScheduleType 'fixed'")
SEND_AT_OUT_OF_RANGE = (400, 35114, "SendAt time must be between 300 seconds and 35 days in the future")
NOT_FINISHED = (409, 20009, "Cannot delete message because delivery has not been completed")
NOT_CANCELABLE = (400, 30409, "Message is not in a cancelable state")  # [R]


def bad_to(number: str) -> Refusal:
    return bad_request(21211, f"Invalid 'To' Phone Number: {number}")


def bad_from(number: str) -> Refusal:
    return bad_request(21212, f"Invalid From Number (caller ID): {number}")


def closed_region(number: str) -> Refusal:
    return bad_request(
        21408, f"Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {number}"
    )


def foreign_from(number: str) -> Refusal:
    return bad_request(
        21606,
        f"The From phone number {number} is not a valid, SMS-capable inbound phone number or short code for your account",
    )


def unverified(number: str) -> Refusal:
    return bad_request(
        21608, f"The number {number} is unverified. Trial accounts cannot send messages to unverified numbers"
    )


def no_route(number: str, sender: str) -> Refusal:
    return bad_request(
        21612, f"The 'To' phone number: {number}, is not currently reachable using the 'From' phone number: {sender}"
    )


def not_mobile(number: str) -> Refusal:
    return bad_request(21614, f"'To' number is not a valid mobile number: {number}")


# What goes wrong after a message was taken: said by status callback and in the log [D for the codes].
LATER = {
    21610: "Attempt to send to unsubscribed recipient",
    30001: "Queue overflow",
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
    30034: "Message from an Unregistered Number",
    63005: "Channel did not accept given content",
    63014: "Failed to send message because the user has blocked the sender",
    63016: "Failed to send freeform message because you are outside the allowed window",
    63018: "Rate limit exceeded for Channel",
    63021: "Channel invalid content error",
    63024: "Invalid message recipient",
    63049: "Meta chose not to deliver this WhatsApp marketing message",
}
BY_TWILIO_ITSELF = {21610, 30001, 63005, 63018}  # never handed over, so it is `failed`; `undelivered` otherwise [R]
