module llmperf.dev/llmperftest/conformance

go 1.26.0

replace llmperf.dev => ../../

require (
	golang.org/x/net v0.62.0
	llmperf.dev v0.0.0-00010101000000-000000000000
)
