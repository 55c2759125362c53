"""/file: what rules delete by themselves: done now, shown beforehand, and recorded."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from chimera_storage.model import Deletion, PlannedDeletion
from chimera_storage.web.file_schemas import (
    Applied,
    AutoCleaned,
    DeletionRecord,
    Deletions,
    DiskState,
    EmptyRequest,
    Outlook,
    Planned,
    RulesPreview,
)
from chimera_storage.web.formatting import file_size
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.parsing import Body, fields, read_body, whole
from chimera_storage.web.ports import Services
from chimera_storage.web.schemas import BODY_PROBLEMS, problems, query_parameters, request_body

ReadBody = Annotated[Body, Depends(read_body)]
MOST_DELETIONS = 1000


def rules_router(services: Services, names: CameraNames) -> APIRouter:
    """POST /file/pathAutoClean, previewRules and applyRules, GET /file/listDeletions."""
    router = APIRouter(prefix="/file", tags=["file"])
    rules = services.rules
    body = request_body(EmptyRequest, required=False)

    @router.post(
        "/pathAutoClean",
        summary="Delete the oldest images until the quotas are kept",
        responses=problems(*BODY_PROBLEMS, 409),
        openapi_extra=body,
        response_model_exclude_none=True,
    )
    def path_auto_clean(_: ReadBody) -> AutoCleaned:
        if not rules.has_quota():
            return AutoCleaned(skipped=True)
        gone = rules.apply_quotas("api")
        return AutoCleaned(cleaned=gone.count > 0, deleted=gone.count)

    @router.post(
        "/applyRules",
        summary="Do now what all rules say",
        responses=problems(*BODY_PROBLEMS, 409),
        openapi_extra=body,
    )
    def apply_rules(_: ReadBody) -> Applied:
        gone = rules.apply("api")
        return Applied(deleted=gone.count, bytes=gone.size, formatted=file_size(gone.size))

    @router.post(
        "/previewRules",
        summary="What the rules would delete now; nothing is deleted",
        responses=problems(*BODY_PROBLEMS),
        openapi_extra=body,
    )
    def preview_rules(_: ReadBody) -> RulesPreview:
        preview = rules.preview()
        size = sum(planned.bytes for planned in preview.planned)
        return RulesPreview(
            planned=[
                Planned(**_portion(planned, names), exact=planned.exact)
                for planned in preview.planned
            ],
            deleted=sum(planned.images for planned in preview.planned),
            bytes=size,
            formatted=file_size(size),
            waits=preview.waits,
            disk=DiskState(total=preview.disk.total, free=preview.disk.free),
            forecast=Outlook.of(preview.forecast),
        )

    @router.get(
        "/listDeletions",
        summary="What was deleted, by whom and by which rule",
        responses=problems(400),
        openapi_extra=query_parameters(
            (
                "limit",
                "at most so many, the newest first",
                {"type": "integer", "minimum": 1, "maximum": MOST_DELETIONS, "default": 100},
                False,
            )
        ),
    )
    def list_deletions(request: Request) -> Deletions:
        query = fields(request.query_params.multi_items())
        limit = whole(query, "limit", default=100, least=1, most=MOST_DELETIONS)
        return Deletions(
            list=[
                DeletionRecord(
                    at=deletion.at_us // 1000, who=deletion.who, **_portion(deletion, names)
                )
                for deletion in rules.deletions(limit)
            ]
        )

    return router


def _portion(portion: PlannedDeletion | Deletion, names: CameraNames) -> dict[str, Any]:
    """What a planned deletion and one that was recorded say alike."""
    return {
        "rule": portion.rule,
        "camera": portion.camera,
        "name": None if portion.camera is None else names.name(portion.camera),
        "count": portion.images,
        "bytes": portion.bytes,
        "formatted": file_size(portion.bytes),
        "oldest": portion.oldest_us // 1000,
        "newest": portion.newest_us // 1000,
    }
