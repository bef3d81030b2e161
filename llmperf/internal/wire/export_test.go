package wire

// Held returns how many bytes of memory p's buffers take.
func (p *SSE) Held() int { return cap(p.line) + cap(p.buf) + cap(p.id) }

// Held returns how many bytes of memory p's buffer takes.
func (p *NDJSON) Held() int { return cap(p.line) }
