// tool is what test pods need: a web server that says who it is (also a webhook), a client that shows what it
// got, a DNS look-up, and `pause`, the sandbox process of every pod.
package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	host, _ := os.Hostname()
	switch os.Args[1] {
	case "serve": // serve ADDR [CERT KEY]
		http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, host, "saw", r.RemoteAddr) })
		http.HandleFunc("/validate", func(w http.ResponseWriter, r *http.Request) {
			var in struct {
				Request struct {
					UID    string `json:"uid"`
					Object struct {
						Metadata struct{ Labels map[string]string }
					}
				}
			}
			json.NewDecoder(r.Body).Decode(&in)
			ok := in.Request.Object.Metadata.Labels["deny"] == ""
			json.NewEncoder(w).Encode(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
				"response": map[string]any{"uid": in.Request.UID, "allowed": ok, "status": map[string]any{"message": "denied by " + host}}})
		})
		if len(os.Args) > 3 {
			panic(http.ListenAndServeTLS(os.Args[2], os.Args[3], os.Args[4], nil))
		}
		panic(http.ListenAndServe(os.Args[2], nil))
	case "get":
		c := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		for _, u := range os.Args[2:] {
			r, err := c.Get(u)
			if err != nil {
				fmt.Println("ERR", err)
				continue
			}
			b, _ := io.ReadAll(r.Body)
			fmt.Printf("%d %s", r.StatusCode, b)
		}
	case "pause":
		c := make(chan os.Signal, 8)
		signal.Notify(c, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD)
		for s := range c {
			if s != syscall.SIGCHLD {
				return
			}
			for p := 1; p > 0; p, _ = syscall.Wait4(-1, nil, syscall.WNOHANG, nil) { // pods may share a PID namespace
			}
		}
	case "dns":
		fmt.Println(net.LookupHost(os.Args[2]))
	}
}
