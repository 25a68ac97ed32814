"""SMS and WhatsApp through Twilio: signed webhooks in, its own library out, in the sender and the command alone."""

SMS = "sms"
WHATSAPP = "whatsapp"
