namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>What a template wrote.</summary>
/// <param name="Text">The text, and who wrote each part of it.</param>
/// <param name="AssistantSpans">Where the template's <c>generation</c> blocks lie in it, in UTF-16 units.</param>
internal sealed record Rendering(TracedText Text, IReadOnlyList<(int Start, int End)> AssistantSpans);

/// <summary>
/// A template in the Jinja that chat templates are written in: what transformers' sandbox gives with trim_blocks, lstrip_blocks, loop controls and the
/// generation tag, and nothing more.
/// </summary>
internal sealed class JinjaTemplate
{
    private readonly string _source;
    private readonly Block _body;

    private JinjaTemplate(string source, Block body) => (_source, _body) = (source, body);

    /// <param name="text">The template.</param>
    /// <param name="source">What errors call it.</param>
    /// <exception cref="InvalidDataException">It is not valid, or asks for something that is not known here; the message has the line.</exception>
    public static JinjaTemplate Parse(string text, string source) => new(source, Parser.Read(text, source));

    /// <exception cref="TemplateRenderException">The template does not take these values.</exception>
    public Rendering Render(IEnumerable<KeyValuePair<string, object?>> variables, TimeProvider clock)
    {
        var scope = new Scope(Globals.Create(clock));
        foreach (var (name, value) in variables)
            scope[name] = value;
        var evaluator = new Evaluator();
        try
        {
            return Limits.Count(() => evaluator.Run(_body, new Scope(scope)));
        }
        catch (EvaluationException e)
        {
            throw new TemplateRenderException(_source, evaluator.Line, e.Message);
        }
    }
}
