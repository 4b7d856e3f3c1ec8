using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Generation;

/// <summary>Which template a model's chats go by, as <c>moka.json</c> says it.</summary>
/// <param name="Kind">One of the kinds below.</param>
/// <param name="Text">The template, where the kind needs one.</param>
internal sealed record ChatForm(string Kind, string? Text = null)
{
    private const string JinjaKind = "jinja";
    private const string Llama2Kind = "llama2";
    private const string Llama3Kind = "llama3";

    private const string PromptKind = "prompt";

    private static readonly string[] WithoutText = ["backbone", PromptKind, Llama2Kind, Llama3Kind];

    /// <summary>The backbone's own template; where it has none, the prompt template.</summary>
    public static ChatForm Backbone { get; } = new("backbone");

    /// <summary>The model's prompt template.</summary>
    public static ChatForm Prompt { get; } = new(PromptKind);

    /// <summary>The form of a template that somebody chose.</summary>
    public static ChatForm Of(ChatTemplate template) => template switch
    {
        JinjaChat { Text: { } text } => new ChatForm(JinjaKind, text),
        Llama2Chat => new ChatForm(Llama2Kind),
        Llama3Chat => new ChatForm(Llama3Kind),
        PromptChat chat => new ChatForm(PromptKind, chat.Template.ToString()),
        _ => Backbone,
    };

    /// <exception cref="InvalidDataException">The backbone's own template is not valid.</exception>
    public ChatTemplate ToTemplate(BackboneTokenizer tokenizer, PromptTemplate prompt) => Kind switch
    {
        JinjaKind => ChatTemplate.FromJinja(Text!),
        Llama2Kind => ChatTemplate.Llama2,
        Llama3Kind => ChatTemplate.Llama3,
        PromptKind when Text is not null => ChatTemplate.Of(PromptTemplate.FromString(Text)),
        _ => (this == Backbone ? ChatTemplate.OwnOf(tokenizer) : null) ?? ChatTemplate.Of(prompt),
    };

    public SortedDictionary<string, object?> ToFields() => new(StringComparer.Ordinal) { ["kind"] = Kind, ["text"] = Text };

    /// <exception cref="InvalidDataException">There is no such form; the message names the field.</exception>
    public static ChatForm Read(JsonFields fields)
    {
        var (kind, text) = (fields.Text("kind"), fields.OptionalText("text"));
        if (!WithoutText.Contains(kind) && !(kind == JinjaKind && text is not null))
            throw fields.Error("kind", $"is '{kind}'; there are {string.Join(", ", WithoutText)}, and {JinjaKind} with a text");
        try
        {
            if (kind == PromptKind && text is not null)
                PromptTemplate.FromString(text);
            return new ChatForm(kind, text);
        }
        catch (FormatException e)
        {
            throw fields.Error("text", $"holds no prompt template: {e.Message}");
        }
    }
}
