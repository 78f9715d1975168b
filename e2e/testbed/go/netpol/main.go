// netpol enforces NetworkPolicy in the test cluster: one process writes the same nftables
// table into the network namespace of every node. Usage: netpol NETNS-GLOB (nodes come and go)
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	core "k8s.io/api/core/v1"
	net "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

func matches(s *meta.LabelSelector, l map[string]string) bool {
	sel, err := meta.LabelSelectorAsSelector(s)
	return err == nil && sel.Matches(labels.Set(l))
}

type state struct {
	pods []*core.Pod
	ns   map[string]*core.Namespace
	pols []*net.NetworkPolicy
}

func live(p *core.Pod) bool {
	return !p.Spec.HostNetwork && p.Status.PodIP != "" && p.Status.Phase != core.PodSucceeded && p.Status.Phase != core.PodFailed
}

// match returns the address conditions of a peer (field is saddr or daddr) and the pods behind them
func (s *state) match(polNS string, peer net.NetworkPolicyPeer, field string) (conds []string, pods []*core.Pod) {
	if b := peer.IPBlock; b != nil {
		c := "ip " + field + " " + b.CIDR
		if len(b.Except) > 0 {
			c += " ip " + field + " != { " + strings.Join(b.Except, ", ") + " }"
		}
		return []string{c}, nil
	}
	for _, p := range s.pods {
		if !live(p) {
			continue
		}
		if peer.NamespaceSelector != nil {
			if n := s.ns[p.Namespace]; n == nil || !matches(peer.NamespaceSelector, n.Labels) {
				continue
			}
		} else if p.Namespace != polNS {
			continue
		}
		if peer.PodSelector != nil && !matches(peer.PodSelector, p.Labels) {
			continue
		}
		pods = append(pods, p)
	}
	return nil, pods
}

func ports(ps []net.NetworkPolicyPort, dest *core.Pod) (out []string) {
	if len(ps) == 0 {
		return []string{""}
	}
	for _, p := range ps {
		proto := "tcp"
		if p.Protocol != nil {
			proto = strings.ToLower(string(*p.Protocol))
		}
		switch {
		case p.Port == nil:
			out = append(out, "meta l4proto "+proto)
		case p.Port.StrVal == "" && p.EndPort != nil:
			out = append(out, fmt.Sprintf("%s dport %d-%d", proto, p.Port.IntVal, *p.EndPort))
		case p.Port.StrVal == "":
			out = append(out, fmt.Sprintf("%s dport %d", proto, p.Port.IntVal))
		case dest != nil:
			for _, c := range dest.Spec.Containers {
				for _, q := range c.Ports {
					if q.Name == p.Port.StrVal && strings.EqualFold(string(q.Protocol), proto) {
						out = append(out, fmt.Sprintf("%s dport %d", proto, q.ContainerPort))
					}
				}
			}
		}
	}
	return
}

func has(p *net.NetworkPolicy, t net.PolicyType) bool {
	for _, x := range p.Spec.PolicyTypes {
		if x == t {
			return true
		}
	}
	return false
}

func (s *state) ruleset() string {
	var fwd, chains bytes.Buffer
	for i, p := range s.pods {
		if !live(p) {
			continue
		}
		var in, eg []string
		var isIn, isEg bool
		for _, pol := range s.pols {
			if pol.Namespace != p.Namespace || !matches(&pol.Spec.PodSelector, p.Labels) {
				continue
			}
			if has(pol, net.PolicyTypeIngress) {
				isIn = true
				for _, r := range pol.Spec.Ingress {
					conds := []string{}
					if len(r.From) == 0 {
						conds = []string{""}
					}
					for _, peer := range r.From {
						c, pods := s.match(pol.Namespace, peer, "saddr")
						conds = append(conds, c...)
						for _, q := range pods {
							conds = append(conds, "ip saddr "+q.Status.PodIP)
						}
					}
					for _, c := range conds {
						for _, pt := range ports(r.Ports, p) {
							in = append(in, c+" "+pt+" return")
						}
					}
				}
			}
			if has(pol, net.PolicyTypeEgress) {
				isEg = true
				for _, r := range pol.Spec.Egress {
					if len(r.To) == 0 {
						for _, pt := range ports(r.Ports, nil) {
							eg = append(eg, pt+" return")
						}
					}
					for _, peer := range r.To {
						c, pods := s.match(pol.Namespace, peer, "daddr")
						for _, c := range c {
							for _, pt := range ports(r.Ports, nil) {
								eg = append(eg, c+" "+pt+" return")
							}
						}
						for _, q := range pods {
							for _, pt := range ports(r.Ports, q) {
								eg = append(eg, "ip daddr "+q.Status.PodIP+" "+pt+" return")
							}
						}
					}
				}
			}
		}
		chain := func(on bool, dir, field string, rules []string) {
			if on {
				fmt.Fprintf(&fwd, "  ip %s %s jump %s%d\n", field, p.Status.PodIP, dir, i)
				fmt.Fprintf(&chains, " chain %s%d { # %s/%s\n", dir, i, p.Namespace, p.Name)
				for _, r := range rules {
					fmt.Fprintf(&chains, "  %s\n", r)
				}
				fmt.Fprintf(&chains, "  counter drop\n }\n")
			}
		}
		chain(isEg, "out", "saddr", eg)
		chain(isIn, "in", "daddr", in)
	}
	return "table ip netpol\ndelete table ip netpol\ntable ip netpol {\n" + chains.String() +
		" chain forward {\n  type filter hook forward priority 10; policy accept;\n  ct state established,related accept\n" + fwd.String() + " }\n}\n"
}

func main() {
	cfg, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		panic(err)
	}
	f := informers.NewSharedInformerFactory(kubernetes.NewForConfigOrDie(cfg), 0)
	pods, nss, pols := f.Core().V1().Pods(), f.Core().V1().Namespaces(), f.Networking().V1().NetworkPolicies()
	dirty := make(chan struct{}, 1)
	touch := func() {
		select {
		case dirty <- struct{}{}:
		default:
		}
	}
	h := cache.ResourceEventHandlerFuncs{AddFunc: func(any) { touch() }, UpdateFunc: func(any, any) { touch() }, DeleteFunc: func(any) { touch() }}
	for _, i := range []cache.SharedIndexInformer{pods.Informer(), nss.Informer(), pols.Informer()} {
		i.AddEventHandler(h)
	}
	f.Start(nil)
	f.WaitForCacheSync(nil)
	last := map[string]string{}
	for {
		select {
		case <-dirty:
		case <-time.After(5 * time.Second): // a node that came back has a new namespace
			last = map[string]string{}
		}
		s := &state{ns: map[string]*core.Namespace{}}
		s.pods, _ = pods.Lister().List(labels.Everything())
		s.pols, _ = pols.Lister().List(labels.Everything())
		l, _ := nss.Lister().List(labels.Everything())
		for _, n := range l {
			s.ns[n.Name] = n
		}
		rules := s.ruleset()
		nodes, _ := filepath.Glob(os.Args[1])
		for _, ns := range nodes {
			if last[ns] == rules {
				continue
			}
			c := exec.Command("nsenter", "--net="+ns, "nft", "-f", "-")
			c.Stdin = strings.NewReader(rules)
			if out, err := c.CombinedOutput(); err != nil {
				fmt.Println(ns, err, string(out), rules)
				continue
			}
			last[ns] = rules
		}
		time.Sleep(50 * time.Millisecond)
	}
}
