"""What a table or a cohort holds, column by column, and what in it would leak the label."""

from xdistill.profiling.cautions import Caution
from xdistill.profiling.cohort import cohort_cautions, image_cautions, kept_cautions, reported, vector_cautions
from xdistill.profiling.page import profile_page
from xdistill.profiling.profile import ColumnProfile, Profile, profile_cohort, profile_table
from xdistill.profiling.roles import Roles

__all__ = [
    "Caution",
    "ColumnProfile",
    "Profile",
    "Roles",
    "cohort_cautions",
    "image_cautions",
    "kept_cautions",
    "profile_cohort",
    "profile_page",
    "profile_table",
    "reported",
    "vector_cautions",
]
