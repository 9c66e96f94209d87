{{/* What a pod's fields ask of each other. */}}
{{- define "millstream.checkPodOptions" -}}
{{- include "millstream.checkEnvironment" . }}
{{- include "millstream.checkVolumes" . }}
{{- range .Values.topologySpreadConstraints }}
{{- if and .minDomains (ne .whenUnsatisfiable "DoNotSchedule") }}
{{- fail (printf "topologySpreadConstraints: minDomains of %s needs whenUnsatisfiable to be DoNotSchedule." .topologyKey) }}
{{- end }}
{{- end }}
{{- include "millstream.checkTolerations" (list "tolerations" .Values.tolerations) }}
{{- include "millstream.checkTolerations" (list "defaults.tolerations" (.Values.defaults | default dict).tolerations) }}
{{- end }}

{{- define "millstream.checkEnvironment" -}}
{{- $seen := dict }}
{{- range .Values.extraEnv }}
{{- include "millstream.checkFormat" (list "extraEnv" .name "[-._a-zA-Z][-._a-zA-Z0-9]*" "name of an environment variable: it has letters, digits, underscores, dashes and dots, and does not begin with a digit") }}
{{- if hasKey $seen .name }}
{{- fail (printf "extraEnv: %s is there twice: leave one of them out." .name) }}
{{- end }}
{{- if and (hasKey . "value") .valueFrom }}
{{- fail (printf "extraEnv: %s has value and valueFrom: leave one of them out." .name) }}
{{- end }}
{{- include "millstream.checkOperatorOption" . }}
{{- $_ := set $seen .name true }}
{{- end }}
{{- range .Values.extraEnvFrom }}
{{- if hasPrefix "MILLSTREAM_OPERATOR" (.prefix | default "") }}
{{- fail (printf "extraEnvFrom: with the prefix %s the keys would become options of the operator, of which the chart sees nothing: use the chart's values, and extraEnv for MILLSTREAM_OPERATOR_SCRAPE_SECONDS." .prefix) }}
{{- end }}
{{- if eq (empty .configMapRef) (empty .secretRef) }}
{{- fail "extraEnvFrom: each entry has either a configMapRef or a secretRef, with a name." }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Takes an environment variable. What the chart puts on the command line would win over it without a word; of the rest, the
chart's rights and its other replicas know nothing.
*/}}
{{- define "millstream.checkOperatorOption" -}}
{{- $instead := dict
  "NAMESPACES" "would give the operator no rights there: use the value namespaces"
  "PORT" "would change nothing, since the pod's probes and Service need its port as it is: use metrics.service.port for that of the Service"
  "LOG_LEVEL" "would change nothing: use the value logLevel"
  "LOG_FORMAT" "would change nothing: use the value logFormat"
  "WORKERS" "would change nothing: use the value workers"
  "LEADER_ELECTION" "would have two operators do the same work, be it only during an upgrade: leave it out; how many stand by says the value replicas"
  "LEASE_NAME" "would change nothing: the lease has the release's name, for which there is fullnameOverride"
  "LEASE_NAMESPACE" "would give the operator no lease that it has rights on: leave it out, the lease is in the release's namespace"
  "CONFIG_NAMESPACE" "would have the operator look for its defaults where the chart does not put them: leave it out, and use the value defaults"
}}
{{- if hasPrefix "MILLSTREAM_OPERATOR_" .name }}
{{- $option := trimPrefix "MILLSTREAM_OPERATOR_" .name }}
{{- if ne $option "SCRAPE_SECONDS" }}
{{- fail (printf "extraEnv: %s %s." .name (get $instead $option | default "is no option of the operator: correct its name, or leave it out")) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "millstream.checkVolumes" -}}
{{- $names := list "tmp" }}
{{- range .Values.extraVolumes }}
{{- if has .name $names }}
{{- fail (printf "extraVolumes: there is a volume %s already: choose another name." .name) }}
{{- end }}
{{- if ne (len .) 2 }}
{{- fail (printf "extraVolumes: %s has to be of one kind: configMap, csi, downwardAPI, emptyDir, ephemeral, persistentVolumeClaim, projected or secret." .name) }}
{{- end }}
{{- $names = append $names .name }}
{{- end }}
{{- $paths := list "/tmp" }}
{{- range .Values.extraVolumeMounts }}
{{- if not (has .name $names) }}
{{- fail (printf "extraVolumeMounts: there is no volume %s: add it to extraVolumes, or write one of %s." .name (join ", " $names)) }}
{{- end }}
{{- if has .mountPath $paths }}
{{- fail (printf "extraVolumeMounts: something is mounted at %s already: choose another path." .mountPath) }}
{{- end }}
{{- if and .subPath .subPathExpr }}
{{- fail (printf "extraVolumeMounts: %s has subPath and subPathExpr: leave one of them out." .name) }}
{{- end }}
{{- if regexMatch "^/|(^|/)\\.\\.(/|$)" (.subPath | default .subPathExpr | default "") }}
{{- fail (printf "extraVolumeMounts: subPath of %s leads out of the volume: write a path in it, as certificates/own." .name) }}
{{- end }}
{{- if and .recursiveReadOnly (not .readOnly) }}
{{- fail (printf "extraVolumeMounts: recursiveReadOnly of %s needs readOnly to be true." .name) }}
{{- end }}
{{- $paths = append $paths .mountPath }}
{{- end }}
{{- end }}

{{/* Takes the value's name, and tolerations. */}}
{{- define "millstream.checkTolerations" -}}
{{- $name := first . }}
{{- range last . }}
{{- $key := .key | default "" }}
{{- if and (not $key) (ne .operator "Exists") }}
{{- fail (printf "%s: one without a key needs the operator Exists." $name) }}
{{- end }}
{{- if and (eq .operator "Exists") .value }}
{{- fail (printf "%s: the operator Exists looks at no value: leave %q out, or write the operator Equal." $name .value) }}
{{- end }}
{{- if and (hasKey . "tolerationSeconds") (ne .effect "NoExecute") }}
{{- fail (printf "%s: tolerationSeconds of %q needs the effect NoExecute." $name $key) }}
{{- end }}
{{- end }}
{{- end }}
