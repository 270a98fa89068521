"""What the facade answers: always 200, in the shapes and with the words that old clients know.

The words are those of Waziper's own public answers; where it has none, they are ours.
"""

from typing import Any, assert_never

from waziterm.domain.messages.queue import MessageRefusedError, RefusalCode

Json = dict[str, Any]

NO_TOKEN = "Access token is required"
UNKNOWN_TOKEN = "Access token does not exist"
NO_INSTANCE = "Instance ID is required"
UNKNOWN_INSTANCE = "Instance ID Invalidated"
USED = "Instance ID has been used"
NOT_ACTIVATED = "This instance ID has not been activated yet"
RELOGIN = "This WhatsApp account relogin required"
NO_PHONE = "Phone number is required"
NO_MESSAGE = "Please enter media url or message"
NO_ENABLE = "Enable field is required"
NO_WEBHOOK = "Webhook URL is required"
WRONG_WEBHOOK = "Webhook URL is not a valid URL"
CANNOT_CONNECT = "Cannot connect to WhatsApp server. Please try again later"
SUCCESS = "Success"
ERROR = "Error"
CREATED = "Instance ID generated successfully"
WEBHOOK_SAVED = "Webhook URI Saved"
RESET = "Reset Instance ID was successful"


class FacadeError(Exception):
    """A request that is refused. said: what the client is told. relogin: whether somebody has to
    scan, which is what clients go by. code, hint: our own words for it, or ""."""

    def __init__(self, said: str, *, relogin: bool = False, code: str = "", hint: str = "") -> None:
        super().__init__(said)
        self.relogin = relogin
        self.code = code
        self.hint = hint

    @property
    def document(self) -> Json:
        """`{status, message}`, and what else there is to say."""
        told: Json = {"status": "error", "message": str(self)}
        if self.relogin:
            told["relogin"] = True
        if self.code:
            told["code"] = self.code
        if self.hint:
            told["hint"] = self.hint
        return told


def success(message: Any = SUCCESS, **more: Any) -> Json:
    """What is told of a request that was carried out."""
    return {"status": "success", "message": message, **more}


def refused(error: MessageRefusedError) -> FacadeError:
    """What the queue has refused."""
    code = error.refusal.value
    match error.refusal:
        case RefusalCode.INSTANCE_NOT_FOUND:
            return FacadeError(UNKNOWN_INSTANCE)
        case RefusalCode.NOT_PAIRED:
            return FacadeError(NOT_ACTIVATED, relogin=True, code=code)
        case RefusalCode.LOGGED_OUT:
            return FacadeError(RELOGIN, relogin=True, code=code)
        case RefusalCode.HELD | RefusalCode.BANNED:
            return FacadeError(CANNOT_CONNECT, code=code, hint=str(error))
        case (
            RefusalCode.OPTED_OUT
            | RefusalCode.QUEUE_FULL
            | RefusalCode.RATE
            | RefusalCode.WRONG_RECIPIENT
            | RefusalCode.WRONG_CONTENT
            | RefusalCode.OTHER_BODY
            | RefusalCode.TOO_LATE
            | RefusalCode.MESSAGE_NOT_FOUND
            | RefusalCode.OPT_OUT_NOT_FOUND
        ):
            return FacadeError(str(error), code=code, hint=str(error.hint))
        case _:
            assert_never(error.refusal)
