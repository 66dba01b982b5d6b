// Dispatcher is an example of a service that makes programs while it runs: it
// tells which backend gets a packet, by a program that is generated from the
// configuration with sdk/asm, compiled in this process, and replaced under load
// when the configuration changes.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	log.SetFlags(0)
	config := flag.String("config", "config.json", "configuration `FILE` to begin with")
	listen := flag.String("listen", "localhost:8080", "`ADDRESS` to serve HTTP at")
	flag.Parse()
	if err := run(*config, *listen); err != nil {
		log.Fatal("dispatcher: ", err)
	}
}

func run(config, listen string) error {
	f, err := os.Open(config)
	if err != nil {
		return err
	}
	c, err := readConfig(f)
	f.Close()
	if err != nil {
		return fmt.Errorf("%s: %w", config, err)
	}
	d, err := NewDispatcher(c)
	if err != nil {
		return fmt.Errorf("%s: %w", config, err)
	}
	defer d.Close()
	log.Printf("serving at http://%s: %s", listen, d.Status())
	return http.ListenAndServe(listen, d.routes())
}

func readConfig(r io.Reader) (c Config, err error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	return c, d.Decode(&c)
}

// The largest bodies of requests, in bytes.
const (
	maxPacket = 64 << 10
	maxConfig = 1 << 20
)

// routes is the service: look-ups, and the configuration.
func (d *Dispatcher) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /lookup", d.serveLookup)
	mux.HandleFunc("GET /config", d.serveConfig)
	mux.HandleFunc("PUT /config", d.serveSwap)
	return mux
}

// serveLookup answers a packet with its backend.
func (d *Dispatcher) serveLookup(w http.ResponseWriter, r *http.Request) {
	packet, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPacket))
	if err != nil {
		refuse(w, err)
		return
	}
	backend, err := d.Lookup(packet)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintln(w, backend)
}

func (d *Dispatcher) serveConfig(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(d.Config()); err != nil {
		log.Print(err)
	}
}

// serveSwap replaces the configuration, or says what is wrong with the new one.
func (d *Dispatcher) serveSwap(w http.ResponseWriter, r *http.Request) {
	c, err := readConfig(http.MaxBytesReader(w, r.Body, maxConfig))
	if err == nil {
		err = d.Swap(c)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	fmt.Fprintln(w, d.Status())
}

// refuse answers a request that is wrong.
func refuse(w http.ResponseWriter, err error) {
	status := http.StatusBadRequest
	if errors.As(err, new(*http.MaxBytesError)) {
		status = http.StatusRequestEntityTooLarge
	}
	http.Error(w, err.Error(), status)
}
