{{/* What the schema could refuse as well, but only by a pattern, which says nothing to who reads it. */}}
{{- define "millstream.checkFormats" -}}
{{- $host := "([a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?|\\[[0-9a-fA-F:]+\\])(:[0-9]{1,5})?" }}
{{- $part := "[a-z0-9]+((\\.|_{1,2}|-+)[a-z0-9]+)*" }}
{{- $repository := printf "%s(/%s)*" $part $part }}
{{- $image := printf "(%s/)?%s(:[a-zA-Z0-9_][-a-zA-Z0-9._]{0,127})?(@[a-zA-Z0-9+._-]+:[0-9a-fA-F]{32,})?" $host $repository }}
{{- $registry := list (printf "(%s(/%s)?)?" $host $repository) "registry: write its host, with a port and a path if need be, as registry.example.com:5000/team, and no https://" }}
{{- $ofAnImage := list (printf "(%s)?" $image) "image: write registry.example.com/team/flows:1, and no https://" }}
{{- $labelName := "([a-zA-Z0-9]([-a-zA-Z0-9.]{0,251}[a-zA-Z0-9])?/)?[a-zA-Z0-9]([-a-zA-Z0-9_.]{0,61}[a-zA-Z0-9])?" }}
{{- $defaults := .Values.defaults | default dict }}
{{- with .Values }}
{{- range list
  (concat (list "image.registry" .image.registry) $registry)
  (list "image.repository" .image.repository $repository "repository: write millstream-operator or team/millstream-operator; the tag is image.tag")
  (concat (list "defaults.registry" $defaults.registry) $registry)
  (concat (list "defaults.image" $defaults.image) $ofAnImage)
  (concat (list "test.flowImage" .test.flowImage) $ofAnImage)
  (list "dashboards.sidecarLabel" .dashboards.sidecarLabel $labelName "name of a label: write grafana_dashboard or example.com/dashboard")
  (list "dashboards.sidecarLabelValue" .dashboards.sidecarLabelValue "([a-zA-Z0-9]([-a-zA-Z0-9_.]*[a-zA-Z0-9])?)?" "value of a label: it has letters, digits, dashes, underscores and dots, and begins and ends with a letter or digit")
}}
{{- include "millstream.checkFormat" . }}
{{- end }}
{{- range $name, $entries := dict
  "commonLabels" .commonLabels
  "commonAnnotations" .commonAnnotations
  "crds.annotations" .crds.annotations
  "serviceAccount.annotations" .serviceAccount.annotations
  "podLabels" .podLabels
  "podAnnotations" .podAnnotations
  "nodeSelector" .nodeSelector
  "metrics.service.labels" .metrics.service.labels
  "metrics.service.annotations" .metrics.service.annotations
  "metrics.serviceMonitor.labels" .metrics.serviceMonitor.labels
  "metrics.serviceMonitor.annotations" .metrics.serviceMonitor.annotations
  "metrics.podMonitor.labels" .metrics.podMonitor.labels
  "metrics.podMonitor.annotations" .metrics.podMonitor.annotations
  "alerts.labels" .alerts.labels
  "alerts.annotations" .alerts.annotations
  "dashboards.labels" .dashboards.labels
  "dashboards.annotations" .dashboards.annotations
  "defaults.nodeSelector" $defaults.nodeSelector
}}
{{- range $key, $_ := $entries }}
{{- include "millstream.checkFormat" (list $name $key $labelName "name of a label or annotation: write team or example.com/team") }}
{{- if and (hasSuffix "nnotations" $name) (regexMatch "^(meta\\.)?helm\\.sh/" $key) }}
{{- fail (printf "%s: %s tells Helm what to do with the object, which the chart has to say: leave it out. What is to stay of an uninstall are the CustomResourceDefinitions, by crds.keep." $name $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- if hasKey (include "millstream.labels" $ | fromYaml) .dashboards.sidecarLabel }}
{{- fail (printf "dashboards.sidecarLabel: %s is a label of all the chart's objects, with a value of its own: have the sidecar look for another, as grafana_dashboard." .dashboards.sidecarLabel) }}
{{- end }}
{{- include "millstream.checkPeers" (list "networkPolicy.metricsFrom" .networkPolicy.metricsFrom) }}
{{- include "millstream.checkPeers" (list "networkPolicy.apiServer.to" .networkPolicy.apiServer.to) }}
{{- end }}
{{- end }}

{{/* Takes the value's name, the value, the pattern of the whole of it, and what it should be. */}}
{{- define "millstream.checkFormat" -}}
{{- $value := index . 1 }}
{{- $text := ternary "" (toString $value) (kindIs "invalid" $value) }}
{{- if not (regexMatch (printf "^(%s)$" (index . 2)) $text) }}
{{- fail (printf "%s: %q is no %s." (first .) $text (last .)) }}
{{- end }}
{{- end }}

{{/* Takes the value's name, and peers of a NetworkPolicy. */}}
{{- define "millstream.checkPeers" -}}
{{- $name := first . }}
{{- $byte := "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])" }}
{{- $v4 := printf "(%s\\.){3}%s/(3[0-2]|[12]?[0-9])" $byte $byte }}
{{- $groups := "[0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4}){0,6}" }}
{{- $v6 := printf "([0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4}){7}|(%s)?::(%s)?)/(12[0-8]|1[01][0-9]|[1-9]?[0-9])" $groups $groups }}
{{- range last . }}
{{- with .ipBlock }}
{{- range prepend (.except | default list) .cidr }}
{{- include "millstream.checkFormat" (list $name . (printf "%s|%s" $v4 $v6) "range of addresses: write 10.0.0.0/8, 10.0.0.1/32 or fd00::/8") }}
{{- end }}
{{- end }}
{{- if and .ipBlock (gt (len .) 1) }}
{{- fail (printf "%s: an ipBlock stands alone: give podSelector and namespaceSelector in an entry of their own." $name) }}
{{- end }}
{{- end }}
{{- end }}
