namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>A template that does not render these values: its own error (<c>raise_exception</c>), a value that is not there, a limit.</summary>
internal sealed class TemplateRenderException(string source, int line, string reason) : ArgumentException($"{source}, line {line}: {reason}")
{
    /// <summary>What the template says, or what Python would have said.</summary>
    public string Reason { get; } = reason;
}

/// <summary>What goes wrong while an expression is computed; who knows the line makes a <see cref="TemplateRenderException"/> of it.</summary>
internal sealed class EvaluationException(string reason) : Exception(reason);
