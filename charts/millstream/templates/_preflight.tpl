{{- define "millstream.checkName" -}}
{{- $name := include "millstream.fullname" . }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) }}
{{- fail (printf "The release's objects would be named %s, and a Service's name begins with a letter and has only small letters, digits and dashes: choose another name for the release, or set fullnameOverride." $name) }}
{{- end }}
{{- end }}

{{- define "millstream.checkNamespaces" -}}
{{- range .Values.namespaces }}
{{- $found := lookup "v1" "Namespace" "" . }}
{{- if and (not $found) (ne . $.Release.Namespace) }}
{{- fail (printf "namespaces: there is no namespace %s in the cluster: create it first (kubectl create namespace %s), or take it off the list." . .) }}
{{- end }}
{{- if dig "metadata" "deletionTimestamp" "" ($found | default dict) }}
{{- fail (printf "namespaces: the namespace %s is being deleted: take it off the list, or wait until it is gone and create it anew." .) }}
{{- end }}
{{- end }}
{{- with .Values.test }}
{{- if and .create .namespace (ne .namespace $.Release.Namespace) (not (lookup "v1" "Namespace" "" .namespace)) }}
{{- fail (printf "test.namespace: there is no namespace %s in the cluster: create it first (kubectl create namespace %s), or choose another." .namespace .namespace) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Operators without a lease in common cannot share a namespace: each one's admission policy denies the other's writes. */}}
{{- define "millstream.checkOtherReleases" -}}
{{- range (lookup "apps/v1" "Deployment" "" "").items }}
{{- $labels := .metadata.labels | default dict }}
{{- $operator := and (eq (get $labels "app.kubernetes.io/part-of") "millstream") (eq (get $labels "app.kubernetes.io/component") "operator") }}
{{- $release := get $labels "app.kubernetes.io/instance" }}
{{- $namespace := .metadata.namespace }}
{{- $own := and (eq $release $.Release.Name) (eq $namespace $.Release.Namespace) }}
{{- if and $operator (not $own) }}
{{- with include "millstream.servedByBoth" (list $.Values.namespaces .) }}
{{- fail (printf "The release %s in the namespace %s serves %s already, and two operators deny each other's writes there: give each release namespaces of its own (the value namespaces), or uninstall one of them." $release $namespace .) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Takes namespaces (all if empty), and the Deployment of another release's operator; gives those that both serve. */}}
{{- define "millstream.servedByBoth" -}}
{{- $ours := first . }}
{{- $theirs := list }}
{{- range (last .).spec.template.spec.containers }}
{{- range .args }}
{{- if hasPrefix "--namespaces=" . }}
{{- $theirs = trimPrefix "--namespaces=" . | splitList "," }}
{{- end }}
{{- end }}
{{- end }}
{{- $both := list }}
{{- range $theirs | default $ours }}
{{- if has . ($ours | default $theirs) }}
{{- $both = append $both . }}
{{- end }}
{{- end }}
{{- if or $ours $theirs }}
{{- join ", " $both }}
{{- else }}
{{- "all namespaces" }}
{{- end }}
{{- end }}

{{- define "millstream.checkMonitoring" -}}
{{- $asked := dict
  "metrics.serviceMonitor.create" (ternary "ServiceMonitor" "" .Values.metrics.serviceMonitor.create)
  "metrics.podMonitor.create" (ternary "PodMonitor" "" .Values.metrics.podMonitor.create)
  "alerts.create" (ternary "PrometheusRule" "" .Values.alerts.create)
}}
{{- range $value, $kind := $asked }}
{{- if and $kind (not ($.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" $kind))) }}
{{- fail (printf "%s is true, and the cluster does not know %s (monitoring.coreos.com/v1): install the Prometheus operator first, kube-prometheus-stack for instance, or set it to false." $value $kind) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "millstream.checkPriorityClass" -}}
{{- with .Values.priorityClassName }}
{{- if not (lookup "scheduling.k8s.io/v1" "PriorityClass" "" .) }}
{{- fail (printf "priorityClassName: there is no PriorityClass %s in the cluster, and no pod could be made: create it first, or choose another (kubectl get priorityclasses)." .) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "millstream.checkApiAccessRoles" -}}
{{- if .Values.apiAccess.createRoles }}
{{- range list "millstream-run-read" "millstream-run-trigger" }}
{{- with lookup "rbac.authorization.k8s.io/v1" "ClusterRole" "" . }}
{{- include "millstream.checkOwner" (list $ . "apiAccess.createRoles") }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Takes the context, an object that is there already, and the value that leaves it to others. */}}
{{- define "millstream.checkOwner" -}}
{{- $context := index . 0 }}
{{- $object := index . 1 }}
{{- $release := dig "metadata" "annotations" "meta.helm.sh/release-name" "" $object }}
{{- $namespace := dig "metadata" "annotations" "meta.helm.sh/release-namespace" "" $object }}
{{- $helm := eq (dig "metadata" "labels" "app.kubernetes.io/managed-by" "" $object) "Helm" }}
{{- if not (and $helm (eq $release $context.Release.Name) (eq $namespace $context.Release.Namespace)) }}
{{- $id := printf "%s/%s" (lower $object.kind) $object.metadata.name }}
{{- $owner := ternary (printf "belongs to the release %s in the namespace %s" $release $namespace) "was not installed by Helm" (ne $release "") }}
{{- if and $release (not $helm) }}
{{- $owner = printf "was installed by the release %s in the namespace %s, but is Helm's no longer: its label app.kubernetes.io/managed-by is %s" $release $namespace (dig "metadata" "labels" "app.kubernetes.io/managed-by" "missing" $object) }}
{{- end }}
{{- fail (printf "The %s %s is there already, and %s. Set %s=false to leave it as it is; or give it to this release: kubectl annotate --overwrite %s meta.helm.sh/release-name=%s meta.helm.sh/release-namespace=%s && kubectl label --overwrite %s app.kubernetes.io/managed-by=Helm" $object.kind $object.metadata.name $owner (index . 2) $id $context.Release.Name $context.Release.Namespace $id) }}
{{- end }}
{{- end }}

{{- define "millstream.checkCrds" -}}
{{- range $path, $_ := .Files.Glob "files/crds/*.json" }}
{{- $ours := $.Files.Get $path | fromJson }}
{{- $name := $ours.metadata.name }}
{{- $found := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" $name }}
{{- if $found }}
{{- include "millstream.checkCrd" (list $ $ours $found) }}
{{- else if not $.Values.crds.install }}
{{- fail (printf "crds.install is false, and there is no CustomResourceDefinition %s in the cluster: set it to true, or install the CustomResourceDefinitions first: %s" $name (include "millstream.applyCrds" $)) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "millstream.applyCrds" -}}
helm template {{ .Release.Name }} CHART --kube-version {{ .Capabilities.KubeVersion.Version }} --show-only templates/crds.yaml | kubectl apply --server-side --force-conflicts -f -
{{- end }}

{{/* Takes the context, the CustomResourceDefinition of this chart, and that of the cluster. */}}
{{- define "millstream.checkCrd" -}}
{{- $context := index . 0 }}
{{- $ours := index . 1 }}
{{- $found := index . 2 }}
{{- $name := $ours.metadata.name }}
{{- if dig "metadata" "deletionTimestamp" "" $found }}
{{- fail (printf "The CustomResourceDefinition %s is being deleted, with all objects of its kind: wait until it is gone. If that takes long, look for objects with finalizers." $name) }}
{{- end }}
{{- $chart := include "millstream.revision" $ours | int }}
{{- $cluster := include "millstream.revision" $found | int }}
{{- if $context.Values.crds.install }}
{{- include "millstream.checkOwner" (list $context $found "crds.install") }}
{{- if gt $cluster $chart }}
{{- fail (printf "The CustomResourceDefinition %s in the cluster is newer than this chart's: its schema has the revision %d, and the chart's %d, so that fields could be lost. Use a newer chart, or set crds.install=false to leave it as it is." $name $cluster $chart) }}
{{- end }}
{{- else }}
{{- if lt $cluster $chart }}
{{- fail (printf "The CustomResourceDefinition %s in the cluster is older than this chart's: its schema has the revision %d, and the chart's %d, and crds.install is false. Upgrade the release that has it, or apply it: %s" $name $cluster $chart (include "millstream.applyCrds" $context)) }}
{{- end }}
{{- $annotations := $found.metadata.annotations | default dict }}
{{- $own := and (eq (get $annotations "meta.helm.sh/release-name") $context.Release.Name) (eq (get $annotations "meta.helm.sh/release-namespace") $context.Release.Namespace) }}
{{- if and $context.Release.IsUpgrade $own (ne (get $annotations "helm.sh/resource-policy") "keep") }}
{{- fail (printf "With crds.install=false Helm would delete the CustomResourceDefinition %s, and with it all objects of its kind, since it was installed with crds.keep=false. First upgrade with crds.install=true and crds.keep=true." $name) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Which is newer of two CustomResourceDefinitions. Those from before revisions were counted have none, and are older. */}}
{{- define "millstream.revision" -}}
{{- dig "metadata" "annotations" "millstream.dev/schema-revision" "0" . }}
{{- end }}
