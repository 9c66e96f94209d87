{{- define "millstream.checkResources" -}}
{{- $defaults := .Values.defaults | default dict }}
{{- $ofRuns := $defaults.resources | default dict }}
{{- range $name, $amounts := dict
  "resources.requests" .Values.resources.requests
  "resources.limits" .Values.resources.limits
  "defaults.resources.requests" $ofRuns.requests
  "defaults.resources.limits" $ofRuns.limits
  "defaults.maxResources" $defaults.maxResources
}}
{{- range $resource, $amount := $amounts }}
{{- include "millstream.checkFormat" (list $name $resource "cpu|memory|ephemeral-storage|hugepages-[a-zA-Z0-9]+|[a-z0-9][-a-z0-9.]*/[-a-zA-Z0-9_.]+" "resource: write cpu, memory, ephemeral-storage, or the whole name of another, as nvidia.com/gpu") }}
{{- include "millstream.checkFormat" (list (printf "%s.%s" $name $resource) $amount "([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?" "amount: write 500m, 2, 512Mi or 1.5Gi") }}
{{- end }}
{{- end }}
{{- include "millstream.checkLimits" (list "resources" .Values.resources) }}
{{- include "millstream.checkLimits" (list "defaults.resources" $ofRuns) }}
{{- end }}

{{/* Takes the value's name, and an object with requests and limits. */}}
{{- define "millstream.checkLimits" -}}
{{- $name := first . }}
{{- $requests := (last .).requests | default dict }}
{{- range $resource, $limit := (last .).limits }}
{{- if hasKey $requests $resource }}
{{- $request := get $requests $resource }}
{{- /* Fractions are not exact. */}}
{{- if gt (include "millstream.amount" $request | float64) (include "millstream.amount" $limit | float64 | mulf 1.000001) }}
{{- fail (printf "%s: the request for %s (%v) is larger than the limit (%v): lower the one, or raise the other." $name $resource $request $limit) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Takes an amount that is well written, and gives its number. */}}
{{- define "millstream.amount" -}}
{{- $suffix := toString . | regexFind "([KMGTPE]i|[numkMGTPE])$" }}
{{- $number := toString . | trimSuffix $suffix | float64 }}
{{- $factors := dict
  "" 1 "n" 1e-9 "u" 1e-6 "m" 1e-3 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18
  "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624 "Ei" 1152921504606846976
}}
{{- mulf $number (get $factors $suffix) }}
{{- end }}
