// Package wire reads what LLM services put on the wire: event streams ([SSE]), lines of JSON ([NDJSON]), and the JSON inside them
// ([Scanner]). On top are the dialects: OpenAI's chat completions ([ParseChatChunk], [ParseChatCompletion]), responses
// ([ParseResponsesEvent], [ParseResponse]) and embeddings ([ParseEmbeddings]), Anthropic's messages ([ParseAnthropicEvent],
// [ParseAnthropicMessage]) and Ollama's chat and generate ([ParseOllama], [ParseOllamaAnswer]); a [Path] finds the text of any other.
//
// # Pushed, not pulled
//
// Whoever has bytes feeds them. A parser holds no reader, starts no goroutine and reads no clock: it calls back for every event that
// is complete, before Feed returns, so the caller's clock at that moment is the event's arrival. Where the bytes were split on
// their way makes no difference to what is called back.
//
// # Nothing is allocated for an event
//
// Events and values are views of the fed bytes, valid only until the callback returns. An event that arrives in one piece is not even
// copied. Buffers grow to what a stream needs and are kept by Reset.
//
// # Nothing passes silently
//
// A stream that breaks off is [ErrTruncated], one that cannot be what it claims to be is [ErrMalformed], and one that would
// take all memory is [ErrTooLong]; an error that the server reports inside a successful response is a [ServerError].
package wire
