"""What Schemathesis has to be told: a mail is sent as it is."""

import schemathesis

schemathesis.serializer.alias("message/rfc822", "text/plain")
