{{/* Where everything of Hostler's own lives, whatever the release's namespace: the program looks for it there. */}}
{{- define "hostler.namespace" -}}hostler-system{{- end }}

{{- define "hostler.name" -}}{{ default .Chart.Name .Values.nameOverride }}{{- end }}

{{- define "hostler.fullname" -}}
{{- $name := include "hostler.name" . -}}
{{- $usual := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $usual .Values.fullnameOverride | trunc 53 | trimSuffix "-" -}}
{{- end }}

{{- define "hostler.selectorLabels" -}}
app.kubernetes.io/name: {{ include "hostler.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "hostler.labels" -}}
{{ include "hostler.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "hostler.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "hostler.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{- define "hostler.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}
