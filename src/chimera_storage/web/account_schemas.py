"""What goes in and out of /login, /sessions, /links and their kin, for /openapi.json."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

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
