{{- define "millstream.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* At most 50 characters: suffixes are added. */}}
{{- define "millstream.fullname" -}}
{{- $name := include "millstream.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* For objects that releases in several namespaces would otherwise give the same name. */}}
{{- define "millstream.clusterwideName" -}}
{{- printf "%s:%s" (include "millstream.fullname" .) .Release.Namespace }}
{{- end }}

{{- define "millstream.releasePodsName" -}}
{{- printf "%s-release-pods" (include "millstream.fullname" .) }}
{{- end }}

{{- define "millstream.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "millstream.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: millstream
{{- end }}

{{/*
Metadata of an object: takes context and name, and namespace (none for an object of the whole cluster), labels and
annotations if there are others than those of every object. Values cannot take the place of what the chart needs.
*/}}
{{- define "millstream.metadata" -}}
{{- $values := .context.Values -}}
name: {{ .name | quote }}
{{- with .namespace }}
namespace: {{ . | quote }}
{{- end }}
labels:
  {{- merge (include "millstream.labels" .context | fromYaml) (.labels | default dict) ($values.commonLabels | default dict) | toYaml | nindent 2 }}
{{- with merge dict (.annotations | default dict) ($values.commonAnnotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Metadata of an object of the operator, in its namespace. */}}
{{- define "millstream.operatorMetadata" -}}
{{- include "millstream.metadata" (dict
  "context" .
  "name" (include "millstream.fullname" .)
  "namespace" .Release.Namespace
  "labels" (dict "app.kubernetes.io/component" "operator")
) }}
{{- end }}

{{/* Of all pods of the release. */}}
{{- define "millstream.podLabels" -}}
app.kubernetes.io/name: {{ include "millstream.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Of a Deployment they can never be changed. */}}
{{- define "millstream.selectorLabels" -}}
{{ include "millstream.podLabels" . }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "millstream.image" -}}
{{- with .Values.image }}
{{- with .registry }}{{ . }}/{{ end }}
{{- .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- with .digest }}@{{ . }}{{ end }}
{{- end }}
{{- end }}

{{/* Metadata of a pod: takes context, component, and annotations. */}}
{{- define "millstream.podMetadata" -}}
{{- $values := .context.Values -}}
labels:
  {{- merge (dict "app.kubernetes.io/component" .component) (include "millstream.podLabels" .context | fromYaml) (.labels | default dict) ($values.commonLabels | default dict) | toYaml | nindent 2 }}
{{- with merge dict (.annotations | default dict) ($values.commonAnnotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What the pods of the operator and of the hooks have in common. */}}
{{- define "millstream.podSpec" -}}
securityContext:
  runAsNonRoot: true
  seccompProfile:
    type: RuntimeDefault
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: tmp
    emptyDir: {}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* What their containers have in common. The user is the image's, or one that the platform chooses. */}}
{{- define "millstream.container" -}}
image: {{ include "millstream.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop:
      - ALL
{{- with .Values.extraEnv }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/*
Gives the rules to a service account: in the whole cluster, or in each of the namespaces that are served.
Takes context, name, serviceAccount, rules, annotations for hooks, and namespaces if they are others ("" for all).
*/}}
{{- define "millstream.grant" -}}
{{- $namespaces := .namespaces | default .context.Values.namespaces | default (list "") }}
{{- range $namespace := $namespaces }}
{{- $prefix := ternary "" "Cluster" (ne $namespace "") }}
{{- $metadata := merge (dict "namespace" $namespace) (pick $ "context" "name" "annotations") }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $prefix }}Role
metadata:
  {{- include "millstream.metadata" $metadata | nindent 2 }}
rules:
  {{- $.rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $prefix }}RoleBinding
metadata:
  {{- include "millstream.metadata" $metadata | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $prefix }}Role
  name: {{ $.name | quote }}
subjects:
  - kind: ServiceAccount
    name: {{ $.serviceAccount | quote }}
    namespace: {{ $.context.Release.Namespace | quote }}
{{- end }}
{{- end }}
