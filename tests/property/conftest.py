"""What `depth` asks for: the profile in which the longest tests go all the way."""

from hypothesis import settings

settings.register_profile("deep")
