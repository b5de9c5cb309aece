"""More samples than memory holds: read, differentiated and written part by part."""
