package report_test

import (
	"encoding/json"
	"math"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmperf.dev/llmperf/internal/report"
)

// evil is what a server might send to become a part of the page.
const evil = "</script><img src=x onerror=alert(1)><script>alert(2)</script><!--'\"\u2028{{.}}`${x}"

// fill puts text into every string below v, and something into everything else.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int:
		v.SetInt(3)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), text)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, text)
		fill(value, text)
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), text)
		}
	}
}

func write(t *testing.T, m *report.Model) string {
	t.Helper()
	var page strings.Builder
	require.NoError(t, report.Write(&page, m))
	return page.String()
}

var modelOf = regexp.MustCompile(`(?s)<script type="application/json" id="model">(.*?)</script>`)

func TestNoTextBecomesAPartOfThePage(t *testing.T) {
	var m report.Model
	fill(reflect.ValueOf(&m).Elem(), evil)
	page := write(t, &m)
	assert.Equal(t, 2, strings.Count(page, "<script"), "the model and the page's own script, and no other")
	assert.Equal(t, 2, strings.Count(page, "</script"))
	assert.NotContains(t, page, "<img")
	assert.NotContains(t, page, "<!--")
	assert.Contains(t, page, "&lt;img src=x onerror=alert(1)&gt;", "it is shown as it is")

	harmless := write(t, &report.Model{})
	shape := regexp.MustCompile(`<[a-z]+ on[a-z]+=`)
	assert.Equal(t, shape.FindAllString(harmless, -1), shape.FindAllString(page, -1), "no element has got a handler")

	var back report.Model
	require.NoError(t, json.Unmarshal([]byte(modelOf.FindStringSubmatch(page)[1]), &back))
	assert.Equal(t, m, back, "the page's model is the one that was given")
}

func TestThePageNeedsNothingBesideItself(t *testing.T) {
	var m report.Model
	fill(reflect.ValueOf(&m).Elem(), "text")
	page := write(t, &m)
	for _, reference := range []string{`(?i)\bsrc\s*=`, `(?i)\bhref\s*=\s*["']?[^#"']`, `(?i)\burl\(`, `(?i)@import`, `(?i)<link\b`, `(?i)\bimport\(`, `\bfetch\(`, `XMLHttpRequest`, `WebSocket`} {
		assert.NotRegexp(t, reference, page)
	}
	assert.Contains(t, page, `content="default-src &#39;none&#39;;`, "and a browser is told to fetch nothing")
}

func TestTheLicenceOfThePlotterIsInThePage(t *testing.T) {
	page := write(t, &report.Model{})
	assert.Contains(t, page, "Copyright (c) 2022 Leon Sorokin")
	assert.Contains(t, page, "Permission is hereby granted, free of charge")
}

func TestVerdictsToLookAtComeFirst(t *testing.T) {
	of := func(verdicts ...string) []report.Outcome {
		var outcomes []report.Outcome
		for _, v := range verdicts {
			outcomes = append(outcomes, report.Outcome{Verdict: v, Where: "«" + v + "»"})
		}
		return outcomes
	}
	page := write(t, &report.Model{SLOs: []report.SLO{
		{Name: "a", Want: "a", Outcomes: of("pass", "not run", "inconclusive")},
		{Name: "b", Want: "b", Outcomes: of("inconclusive", "fail")},
	}})
	var order []string
	for _, found := range regexp.MustCompile(`<td data-label="where">«([a-z ]+)»`).FindAllStringSubmatch(page, -1) {
		order = append(order, found[1])
	}
	assert.Equal(t, []string{"fail", "inconclusive", "inconclusive", "not run", "pass"}, order, "a verdict that is not known is shown as it is")
}

func TestNumbersStayWithTheirUnits(t *testing.T) {
	page := write(t, &report.Model{Sentence: "p95 < 50 ms at 10 users, 0.1 % and 3 s; 5 more steps"})
	assert.Contains(t, page, "<h1>p95 &lt; 50\u00a0ms at 10\u00a0users, 0.1\u00a0% and 3\u00a0s; 5 more steps</h1>")
}

// TestColoursHaveContrast holds the style sheet to WCAG 2.1: 4.5:1 for text, and
// 3:1 for the lines and areas of charts.
func TestColoursHaveContrast(t *testing.T) {
	css, err := os.ReadFile("page.css")
	require.NoError(t, err)
	colours := map[string][2]string{}
	for _, found := range regexp.MustCompile(`--([a-z0-9-]+): light-dark\(#([0-9a-f]{6}), #([0-9a-f]{6})\)`).FindAllStringSubmatch(string(css), -1) {
		colours[found[1]] = [2]string{found[2], found[3]}
	}
	least := map[string]float64{
		"ink": 4.5, "muted": 4.5, "accent": 4.5, "pass": 4.5, "fail": 4.5, "inconclusive": 4.5, "other": 4.5,
		"limit": 4.5, "p50": 4.5, "p95": 4.5, "p99": 4.5, // labels in charts
		"first": 3, "middle": 3, "last": 3, "load-line": 3, "upstream": 3,
		"c1": 3, "c2": 3, "c3": 3, "c4": 3, "c5": 3, "c6": 3, "c7": 3, "c8": 3,
	}
	for name, want := range least {
		require.Contains(t, colours, name)
		for scheme, dark := range []string{"light", "dark"} {
			for _, ground := range []string{"surface", "page"} {
				if want < 4.5 && ground == "page" {
					continue // charts are on surfaces
				}
				got := contrast(t, colours[name][scheme], colours[ground][scheme])
				assert.GreaterOrEqual(t, got, want, "%s on %s, %s", name, ground, dark)
			}
		}
	}
}

// contrast is the contrast ratio of two colours by WCAG 2.1.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	luminance := func(hex string) float64 {
		sum := 0.0
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			v, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
			require.NoError(t, err)
			c := float64(v) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			sum += weight * c
		}
		return sum
	}
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}
