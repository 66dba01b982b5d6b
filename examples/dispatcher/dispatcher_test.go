package main

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// frame is an Ethernet frame with IPv4; header is the length of the IP header.
func frame(protocol byte, port uint16, header int) []byte {
	p := make([]byte, ethernet+header+8)
	binary.BigEndian.PutUint16(p[etherType:], 0x0800)
	p[ipVersion] = 4<<4 | byte(header/4)
	p[ipProtocol] = protocol
	binary.BigEndian.PutUint16(p[ethernet+header+2:], port)
	return p
}

func example(t testing.TB) Config {
	f, err := os.Open("config.json")
	require.NoError(t, err)
	defer f.Close()
	c, err := readConfig(f)
	require.NoError(t, err)
	return c
}

func open(t testing.TB, c Config) *Dispatcher {
	d, err := NewDispatcher(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

func TestLookup(t *testing.T) {
	d := open(t, example(t))
	arp, v6, fragment := frame(6, 80, 20), frame(6, 80, 20), frame(6, 80, 20)
	binary.BigEndian.PutUint16(arp[etherType:], 0x0806)
	v6[ipVersion] = 0x65
	binary.BigEndian.PutUint16(fragment[ipFragment:], 100)
	first := frame(6, 80, 20)
	binary.BigEndian.PutUint16(first[ipFragment:], 0x2000) // more follow
	for _, c := range []struct {
		name   string
		packet []byte
		want   string
	}{
		{"ssh", frame(6, 22, 20), "ssh"},
		{"web", frame(6, 443, 20), "web"},
		{"low end of a range", frame(6, 8000, 20), "web"},
		{"high end of a range", frame(6, 8099, 20), "web"},
		{"below a range", frame(6, 7999, 20), "drop"},
		{"above a range", frame(6, 8100, 20), "drop"},
		{"both protocols", frame(6, 53, 20), "dns"},
		{"both protocols", frame(17, 53, 20), "dns"},
		{"other protocol", frame(17, 80, 20), "drop"},
		{"udp", frame(17, 27050, 20), "game"},
		{"icmp", frame(1, 80, 20), "drop"},
		{"options", frame(6, 80, 60), "web"},
		{"header too short", frame(6, 80, 16), "drop"},
		{"first fragment", first, "web"},
		{"later fragment", fragment, "drop"},
		{"arp", arp, "drop"},
		{"another version", v6, "drop"},
		{"ports are the end", frame(6, 80, 20)[:shortest], "web"},
		{"ports are cut off", frame(6, 80, 20)[:shortest-1], "drop"},
		{"ports behind options are cut off", frame(6, 80, 60)[:ethernet+60+3], "drop"},
		{"empty", nil, "drop"},
	} {
		got, err := d.Lookup(c.packet)
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, got, c.name)
	}
}

// want is the meaning of a configuration.
func (c *Config) want(t require.TestingT, protocol string, port int32) string {
	for _, r := range c.Rules {
		low, high, err := r.ports()
		require.NoError(t, err)
		if (r.Protocol == "" || r.Protocol == protocol) && low <= port && port <= high {
			return r.Backend
		}
	}
	return c.Default
}

var someRule = rapid.Custom(func(t *rapid.T) Rule {
	low := rapid.IntRange(0, 40).Draw(t, "low")
	ports := strconv.Itoa(low)
	if n := rapid.IntRange(0, 10).Draw(t, "more"); n > 0 {
		ports += "-" + strconv.Itoa(low+n)
	}
	return Rule{
		Protocol: rapid.SampledFrom([]string{"", "tcp", "udp"}).Draw(t, "protocol"), Ports: ports,
		Backend: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "backend"),
	}
})

// The program of any configuration does what the configuration means.
func TestGenerate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Config{Backends: []string{"a", "b", "c"}, Default: "b", Rules: rapid.SliceOfN(someRule, 0, 12).Draw(t, "rules")}
		d, err := NewDispatcher(c)
		require.NoError(t, err)
		defer d.Close()
		for _, p := range protocols {
			for port := range int32(55) {
				got, err := d.Lookup(frame(byte(p.number), uint16(port), 20))
				require.NoError(t, err)
				require.Equal(t, c.want(t, p.name, port), got, "%s %d", p.name, port)
			}
		}
	})
}

func TestRefuses(t *testing.T) {
	good := example(t)
	d := open(t, good)
	for text, c := range map[string]Config{
		`default: backend "x" is not among the 1 backends`:                              {Backends: []string{"a"}, Default: "x"},
		`rule 1: backend "x" is not among the 1 backends`:                               {Backends: []string{"a"}, Default: "a", Rules: []Rule{{Ports: "1", Backend: "x"}}},
		`rule 1: ports "2-1": want a port such as "80", or a range such as "8000-8099"`: {Backends: []string{"a"}, Default: "a", Rules: []Rule{{Ports: "2-1", Backend: "a"}}},
		`rule 1: ports "65536": want a port such as "80", or a range such as "8000-8099"`: {
			Backends: []string{"a"}, Default: "a", Rules: []Rule{{Ports: "65536", Backend: "a"}}},
		`rule 1: protocol "icmp": only tcp and udp have ports`: {
			Backends: []string{"a"}, Default: "a", Rules: []Rule{{Protocol: "icmp", Ports: "1", Backend: "a"}}},
	} {
		require.EqualError(t, d.Swap(c), text)
		require.Equal(t, good, d.Config(), "the old one stays")
	}
}

// numbered sends port 80 to a backend called n, behind rules that change the length of the program.
func numbered(n int64) Config {
	name := strconv.FormatInt(n, 10)
	c := Config{Backends: []string{"none", name}, Default: "none"}
	for i := range n % 30 {
		c.Rules = append(c.Rules, Rule{Ports: strconv.Itoa(1000 + int(i)), Backend: "none"})
	}
	c.Rules = append(c.Rules, Rule{Ports: "80", Backend: name})
	return c
}

// TestSwapUnderLoad: while configurations change, no look-up fails, and each sees
// one that was in use at some time between its beginning and its end.
func TestSwapUnderLoad(t *testing.T) {
	swaps := int64(200)
	if testing.Short() {
		swaps = 50
	}
	d := open(t, numbered(0))
	var began, done atomic.Int64 // swaps
	var stop atomic.Bool
	var lookups atomic.Int64
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			packet := frame(6, 80, 20)
			for !stop.Load() {
				low := done.Load()
				name, err := d.Lookup(packet)
				high := began.Load()
				got, bad := strconv.ParseInt(name, 10, 64)
				if err != nil || bad != nil || got < low || got > high {
					t.Errorf("between %d and %d: backend %q, %v", low, high, name, err)
					return
				}
				lookups.Add(1)
			}
		})
	}
	for n := int64(1); n <= swaps; n++ {
		began.Store(n)
		require.NoError(t, d.Swap(numbered(n)))
		done.Store(n)
		for seen := lookups.Load(); n%10 == 0 && lookups.Load() == seen && !t.Failed(); {
			// until one has got through
		}
	}
	stop.Store(true)
	wait.Wait()
	t.Logf("%d look-ups during %d swaps", lookups.Load(), swaps)
}

func TestService(t *testing.T) {
	d := open(t, example(t))
	s := httptest.NewServer(d.routes())
	defer s.Close()
	call := func(method, path, body string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		answer, err := s.Client().Do(r)
		require.NoError(t, err)
		defer answer.Body.Close()
		var text strings.Builder
		require.NoError(t, answer.Write(&text))
		_, text2, _ := strings.Cut(text.String(), "\r\n\r\n")
		return answer.StatusCode, text2
	}
	web := string(frame(6, 80, 20))
	status, text := call("POST", "/lookup", web)
	require.Equal(t, 200, status)
	require.Equal(t, "web\n", text)

	status, text = call("PUT", "/config", `{"backends": ["a"], "default": "b"}`)
	require.Equal(t, 400, status)
	require.Contains(t, text, `default: backend "b" is not among the 1 backends`)
	status, text = call("PUT", "/config", `{"backend": []}`)
	require.Equal(t, 400, status)
	require.Contains(t, text, `unknown field "backend"`)
	status, _ = call("POST", "/lookup", strings.Repeat("x", maxPacket+1))
	require.Equal(t, 413, status)

	status, text = call("PUT", "/config", `{"backends": ["a"], "default": "a"}`)
	require.Equal(t, 200, status)
	require.Contains(t, text, "0 rules, ")
	_, text = call("POST", "/lookup", web)
	require.Equal(t, "a\n", text)
	_, text = call("GET", "/config", "")
	require.Contains(t, text, `"default":"a"`)
}

// hundred is a configuration whose program has about 100 instructions.
func hundred(t testing.TB) Config {
	c := Config{Backends: []string{"none", "a", "b", "c"}, Default: "none"}
	for i := range 20 {
		c.Rules = append(c.Rules,
			Rule{Protocol: "tcp", Ports: strconv.Itoa(20 + 100*i), Backend: c.Backends[i%4]},
			Rule{Protocol: "udp", Ports: fmt.Sprintf("%d-%d", 50+100*i, 60+100*i), Backend: c.Backends[(i+1)%4]})
	}
	o, err := Generate(&c)
	require.NoError(t, err)
	require.InDelta(t, 100, len(o.Programs[0].Insns), 10)
	return c
}

// BenchmarkSwap is the way from a configuration to its running program of about
// 100 instructions, and the end of the old one.
func BenchmarkSwap(b *testing.B) {
	c := hundred(b)
	d := open(b, c)
	for b.Loop() {
		require.NoError(b, d.Swap(c))
	}
}

// BenchmarkGenerateToRunning is BenchmarkSwap without the end of the old program:
// the median, and the fastest, which other work on the machine disturbs least.
func BenchmarkGenerateToRunning(b *testing.B) {
	c := hundred(b)
	d := open(b, c)
	var took []time.Duration
	for b.Loop() {
		v, err := d.newVersion(c)
		require.NoError(b, err)
		took = append(took, v.took)
		require.NoError(b, v.program.Close())
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[0].Nanoseconds()), "min-ns")
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "median-ns")
}

func BenchmarkGenerate(b *testing.B) {
	c := hundred(b)
	for b.Loop() {
		_, err := Generate(&c)
		require.NoError(b, err)
	}
}

func BenchmarkLookup(b *testing.B) {
	d := open(b, hundred(b))
	packet := frame(17, 1955, 20)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := d.Lookup(packet); err != nil {
				b.Fatal(err)
			}
		}
	})
}
