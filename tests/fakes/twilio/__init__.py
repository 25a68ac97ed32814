"""Twilio over real HTTP on this machine, which keeps the rules of Twilio, of carriers and of WhatsApp.

    with FakeTwilio() as twilio:
        twilio.number("+12065550100").settings["sms_url"] = "http://127.0.0.1:8080/twilio"
        ...                                # a client is given twilio.url in place of all of Twilio's hosts
        amy = twilio.person("+12075550101")
        amy.texts("hi")
        amy.waits_for("When?").segments    # 1
        amy.texts("2")

With a `ManualClock` time stands still until `clock.advance(seconds)`: queues, validity, windows, time limits and retries go
by it. `twilio.will("create", faults.busy())` makes the next call fail. `twilio.errors`, `twilio.violations` and
`twilio.ledger` are for what must be so at the end, `twilio.alerts` for what Twilio's debugger would show.

Left out: voice, RCS, MMS as carriers deliver it, the fetching of media that we send, link shortening, subaccounts, the
registration of senders and brands, the limit of 250 people a day whom a new WhatsApp business may write first, prices.
"""

from tests.fakes.twilio.fake import FakeTwilio
from tests.fakes.twilio.people import Person, Shown
from tests.fakes.twilio.state import Content, Sender, Service
from tests.fakes.vendor.clock import ManualClock, RealClock

__all__ = ["Content", "FakeTwilio", "ManualClock", "Person", "RealClock", "Sender", "Service", "Shown"]
