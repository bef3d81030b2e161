package stats

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

// exactCDF returns P(Bin(n, p) <= k) by summing the n-k-1 or fewer terms above k in 256-bit arithmetic.
func exactCDF(k, n int, p float64) float64 {
	number := func(v float64) *big.Float { return new(big.Float).SetPrec(256).SetFloat64(v) }
	success := number(p)
	failure := new(big.Float).Sub(number(1), success)
	odds := new(big.Float).Quo(failure, success)

	term, square := number(1), number(p) // term becomes p^n, the probability of no failure
	for e := n; e > 0; e >>= 1 {
		if e&1 == 1 {
			term.Mul(term, square)
		}
		square.Mul(square, square)
	}
	above := number(0) // P(fewer than n-k failures)
	for j := range n - k {
		above.Add(above, term)
		term.Mul(term, odds)
		term.Mul(term, number(float64(n-j)))
		term.Quo(term, number(float64(j+1)))
	}
	cdf, _ := above.Sub(number(1), above).Float64()
	return cdf
}

func TestBinomialCDFMatchesExactSum(t *testing.T) {
	for _, row := range []struct {
		n      int
		p      float64
		k      []int
		reason string
	}{
		{1, 0.5, []int{-1, 0, 1, 2}, "the smallest n, and outside the support"},
		{7, 0.95, []int{0, 1, 2, 3, 4, 5, 6}, "Stirling's series must not be used this low"},
		{40, 0.5, []int{0, 10, 15, 19, 20, 21, 25, 39}, "both sides of the mean, where the fraction switches"},
		{300, 0.99, []int{285, 293, 296, 297, 299}, "a usual step"},
		{5000, 0.9999, []int{4990, 4997, 4998, 4999}, "an extreme quantile"},
		{1_000_000, 0.95, []int{949_000, 949_641, 950_000, 950_358, 951_500}, "large n, within a few standard deviations"},
		{10_000_000, 0.9999, []int{9_998_900, 9_998_947, 9_999_000, 9_999_052, 9_999_100}, "the largest n promised"},
	} {
		t.Run(fmt.Sprintf("n=%d,p=%v", row.n, row.p), func(t *testing.T) {
			for _, k := range row.k {
				switch got := binomialCDF(k, row.n, row.p); {
				case k < 0:
					require.Zero(t, got)
				case k >= row.n:
					require.Equal(t, 1.0, got)
				default:
					require.InDelta(t, exactCDF(k, row.n, row.p), got, 1e-11, "k=%d: %s", k, row.reason)
				}
			}
		})
	}
}

func TestBetaQuantileInvertsTheDistribution(t *testing.T) {
	for _, q := range []float64{1e-6, 0.05, 0.5, 0.95, 1 - 1e-6} {
		for _, shape := range [][2]float64{{1, 1}, {0.3, 4}, {1, 3000}, {1, 1e7}, {700, 2}, {4e6, 6e6}} {
			x := betaQuantile(q, shape[0], shape[1])
			require.InEpsilon(t, q, regularizedBeta(x, shape[0], shape[1]), 1e-7, "q=%v of Beta%v", q, shape)
		}
	}
}
