"""What goes in and out of /login, /sessions, /links and their kin, for /openapi.json."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from chimera_storage.web.schemas import FILE

CameraField = Annotated[
    int | str, Field(description="number, its text, or configured name", examples=[1])
]
RoleField = Literal["viewer", "operator", "admin"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="allow")


class LogIn(BaseModel):
    """A user's name and password."""

    name: str = Field(examples=["owner"])
    password: str = Field(examples=["correct horse battery"])


class LoggedIn(_Model):
    """Who it is; the session is in the cookie."""

    name: str
    role: RoleField
    cameras: list[int] | None = Field(description="those that may be seen; null: all")


class NewPassword(BaseModel):
    """The password that holds, and the one that is to."""

    old: str = Field(examples=["correct horse battery"])
    new: str = Field(description="8 characters at least", examples=["staple in the meadow"])


class PasswordChanged(_Model):
    """The session goes on under a new cookie; one's others are over."""

    changed: Literal[True]


class LoggedOut(_Model):
    """Whether there was a session."""

    loggedOut: bool  # noqa: N815


class Me(_Model):
    """Who asks."""

    kind: Literal["open", "chimera", "user", "token"] = Field(
        description="open: nobody has to log in; chimera: a token signed with SECRETKEY"
    )
    name: str
    role: RoleField
    cameras: list[int] | None = Field(description="those that may be seen; null: all")


class OpenSession(_Model):
    """A log-in; times are milliseconds since 1970."""

    id: str
    user: str
    created: int
    expires: int
    address: str
    agent: str = Field(description="what the browser calls itself")
    current: bool = Field(description="it is the session of this request")


class Sessions(_Model):
    """Log-ins, the newest first."""

    list: list[OpenSession]


class RevokeSession(BaseModel):
    """Which session."""

    id: str = Field(description="of GET /sessions")


class Revoked(_Model):
    """Whether there was one that could be revoked."""

    revoked: bool
    id: str


# links


class LinkRequest(BaseModel):
    """What to hand out: a `process`, a `file`, or `camera`, `start` and `end`."""

    process: str | None = Field(None, description="id of a video or archive")
    file: str | None = Field(None, description="address of a file", examples=[FILE])
    camera: CameraField | None = None
    start: str | int | None = Field(None, examples=["20260131-183000"])
    end: str | int | None = Field(None, description="default: now", examples=["20260131-184500"])
    hours: float | None = Field(None, gt=0, description="in place of start: hours before end")
    days: float | None = Field(None, gt=0, description="in place of start: days before end")
    validHours: int = Field(24, ge=1, le=8760)  # noqa: N815
    uses: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="how often; what one address reads within an hour is one use",
    )


class LinkInfo(_Model):
    """A link; times are milliseconds since 1970."""

    id: str
    kind: Literal["file", "process", "range"]
    target: str = Field(description="the file's path below shared, or the process's id")
    camera: int | None = Field(description="null: the file is of no camera")
    start: str | None = Field(description="of a span, in the server's time zone")
    end: str | None
    madeBy: str = Field(description="a user, or token: and the name of an API token")  # noqa: N815
    created: int
    expires: int
    uses: int | None
    used: int


class MadeLink(LinkInfo):
    """A new link."""

    url: str = Field(description="for whoever is to have it; it is not stored")


class LinkList(_Model):
    """Links that still work, the newest first."""

    list: list[LinkInfo]


class RevokeLink(BaseModel):
    """Which link."""

    id: str = Field(description="of GET /links")
