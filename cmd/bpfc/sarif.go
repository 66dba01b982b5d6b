package main

import (
	"net/url"
	"path/filepath"

	"github.com/bpfc/bpfc/core/verifier"
)

// The parts of SARIF 2.1.0 (OASIS) that code scanners need.
type (
	sarif struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Notifications []sarifNotification `json:"toolExecutionNotifications"`
	}
	sarifNotification struct {
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID   string    `json:"id"`
		Name string    `json:"name"`
		Help sarifText `json:"help"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
	}
	sarifLogical struct {
		Name string `json:"name"`
		Kind string `json:"kind"`
	}
)

// sarif has a result for each program that was not accepted, and a notification
// for each input that has no programs.
func (out *outcomes) sarif() sarif {
	call := sarifInvocation{Successful: len(out.unread) == 0, Notifications: []sarifNotification{}}
	for _, u := range out.unread {
		at := sarifLocation{Physical: sarifPhysical{Artifact: artifact(u.file)}}
		call.Notifications = append(call.Notifications, sarifNotification{"error", sarifText{u.err.Error()}, []sarifLocation{at}})
	}
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "bpfc", Version: version(), Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{call},
		Results:     []sarifResult{},
	}
	for _, r := range verifier.Rules() {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{string(r.Code), r.Name, sarifText{r.Text + " " + r.Fix}})
	}
	for _, v := range out.verdicts {
		if v.report.Err != nil {
			run.Results = append(run.Results, sarifOf(v))
		}
	}
	return sarif{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	}
}

func sarifOf(v verdict) sarifResult {
	e := v.report.Err
	level := "error"
	if e.Verdict == verifier.Unsupported {
		level = "warning"
	}
	at := sarifPhysical{Artifact: artifact(v.file)}
	if e.Source != nil && e.Source.File != "" {
		at.Artifact = artifact(e.Source.File)
		if e.Source.Line > 0 {
			at.Region = &sarifRegion{e.Source.Line, e.Source.Col}
		}
	}
	return sarifResult{
		RuleID: string(e.Code), Level: level, Message: sarifText{e.Error()},
		Locations: []sarifLocation{{at, []sarifLogical{{v.report.Name, "function"}}}},
	}
}

// artifact is a file as a URI (RFC 3986): relative, or of scheme file.
func artifact(path string) sarifArtifact {
	u := url.URL{Path: filepath.ToSlash(path)}
	if filepath.IsAbs(path) {
		u.Scheme = "file"
	}
	return sarifArtifact{u.String()}
}
