package llmperftest

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strconv"
)

// An embedding is a request to POST /v1/embeddings.
type embedding struct {
	openAI
	Model          string `json:"model"`
	Input          any    `json:"input"`
	Dimensions     *int   `json:"dimensions"`
	EncodingFormat string `json:"encoding_format"`

	inputs []input
}

// Dimensions of vectors.
const (
	defaultDimensions = 1536
	maxDimensions     = 4096
)

func (e *embedding) parse(body []byte) (q ask, err error) {
	if err := unmarshal(body, "an embeddings request", e); err != nil {
		return ask{}, err
	}
	if e.inputs, err = inputsOf(e.Input); err != nil {
		return ask{}, fmt.Errorf("input: %w", err)
	}
	if d := e.Dimensions; d != nil && (*d < 1 || *d > maxDimensions) {
		return ask{}, fmt.Errorf("dimensions is %d: want from 1 to %d", *d, maxDimensions)
	}
	if f := e.EncodingFormat; f != "" && f != "float" && f != "base64" {
		return ask{}, fmt.Errorf("encoding_format is %q: want float or base64", f)
	}
	q = ask{model: e.Model, embedding: true}
	for _, in := range e.inputs {
		in.addTo(&q)
	}
	return q, nil
}

func (e *embedding) whole(a *answer) string {
	b := []byte(`{"object":"list","data":[`)
	for i, in := range e.inputs {
		if a.struckAs(faultEmpty) {
			break
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"object":"embedding","index":`...)
		b = append(strconv.AppendInt(b, int64(i), 10), `,"embedding":`...)
		b = append(e.encode(b, in), '}')
	}
	b = fmt.Appendf(b, `],"model":%s,"usage":{"prompt_tokens":%d,"total_tokens":%d}}`, quote(e.Model), a.record.PromptTokens, a.record.PromptTokens)
	return string(b)
}

// encode appends the vector of an input.
func (e *embedding) encode(b []byte, in input) []byte {
	dimensions := defaultDimensions
	if e.Dimensions != nil {
		dimensions = *e.Dimensions
	}
	vector := in.vector(dimensions)
	if e.EncodingFormat == "base64" {
		var raw []byte
		for _, x := range vector {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
		return append(base64.StdEncoding.AppendEncode(append(b, '"'), raw), '"')
	}
	for i, x := range vector {
		b = append(b, "[,"[min(i, 1)])
		b = strconv.AppendFloat(b, float64(x), 'g', -1, 32)
	}
	return append(b, ']')
}

// vector is a vector of length 1 that depends on the input alone; with fewer
// dimensions it has the same direction in those.
func (i input) vector(dimensions int) []float32 {
	h := fnv.New64a()
	fmt.Fprint(h, i.text, i.tokens)
	r := rand.New(rand.NewPCG(h.Sum64(), 0))
	draws := make([]float64, dimensions)
	square := 0.0
	for d := range draws {
		draws[d] = r.NormFloat64()
		square += float64(draws[d] * draws[d]) // rounded, so that it is the same on every machine
	}
	vector := make([]float32, dimensions)
	for d := range vector {
		vector[d] = float32(draws[d] / math.Sqrt(square))
	}
	return vector
}
