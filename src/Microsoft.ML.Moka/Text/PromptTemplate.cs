using System.Text;
using System.Text.Json;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka;

/// <summary>
/// How a row becomes the text that the language model reads, and how an answer follows it.
/// A template is text with placeholders: <c>{text}</c>, <c>{instruction}</c>, <c>{input}</c>, <c>{candidates}</c> (the row's answer words,
/// joined by a comma and a space), and the names of other columns, such as <c>{City}</c>. A brace that is no placeholder is written twice.
/// </summary>
/// <example><c>new PromptTemplate("Review: {text}\nSentiment:")</c> asks for <c>" positive"</c> or <c>" negative"</c>.</example>
public sealed class PromptTemplate
{
    private const string TextPlaceholder = "text";
    private const string InstructionPlaceholder = "instruction";
    private const string InputPlaceholder = "input";
    private const string CandidatesPlaceholder = "candidates";

    private static readonly string[] Placeholders = [TextPlaceholder, InstructionPlaceholder, InputPlaceholder, CandidatesPlaceholder];

    private readonly IReadOnlyList<Part> _parts;
    private readonly IReadOnlyList<Part>? _partsWithoutInput;
    private readonly string[] _columns;

    /// <summary>Makes a template.</summary>
    /// <param name="text">The prompt, with placeholders.</param>
    /// <param name="answerPrefix">What stands between the prompt and the answer word; it counts as part of the answer.</param>
    /// <param name="textWithoutInput">The prompt of a row whose input is missing or empty; null to use <paramref name="text"/> for all rows.</param>
    /// <exception cref="ArgumentException">A placeholder names nothing, a brace has no partner, or nothing of the row is in the prompt.</exception>
    public PromptTemplate(string text, string answerPrefix = " ", string? textWithoutInput = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(answerPrefix);
        Text = text;
        AnswerPrefix = answerPrefix;
        TextWithoutInput = textWithoutInput;
        _parts = Parse(text, nameof(text));
        _partsWithoutInput = textWithoutInput is null ? null : Parse(textWithoutInput, nameof(textWithoutInput));
        _columns =
        [
            .. _parts.Concat(_partsWithoutInput ?? []).Select(part => part.Placeholder).OfType<string>().Except(Placeholders, StringComparer.Ordinal),
        ];
    }

    /// <summary>For plain text classification, where the columns are a text and a label: the text, the labels to choose from, and "Answer:".</summary>
    public static PromptTemplate Classification { get; } = new("{text}\nOptions: {candidates}\nAnswer:");

    /// <summary>For a head, which knows its labels without being told: the text, and "Label:", whose state is read.</summary>
    public static PromptTemplate Label { get; } = new("{text}\nLabel:");

    /// <summary>The text as it is.</summary>
    public static PromptTemplate Plain { get; } = new("{text}");

    /// <summary>The instruction form that LLM-Adapters trains with (its <c>finetune.py</c>, indented as there).</summary>
    public static PromptTemplate Alpaca { get; } = LlmAdapters(" ", "  ", new string(' ', 16));

    /// <summary>The instruction form that LLM-Adapters evaluates with (its <c>commonsense_evaluate.py</c>); blanks differ from <see cref="Alpaca"/>.</summary>
    public static PromptTemplate AlpacaEvaluation { get; } = LlmAdapters("", " ", "");

    /// <summary>The instruction form of Stanford's Alpaca, as Alpaca-LoRA writes it: for answers that are to be written.</summary>
    public static PromptTemplate Instruction { get; } = new(
        "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately " +
        "completes the request.\n\n"
        + "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n",
        "",
        "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n" +
        "### Instruction:\n{instruction}\n\n### Response:\n");

    /// <summary>The prompt, with placeholders.</summary>
    public string Text { get; }

    /// <summary>The prompt of a row whose input is missing or empty; null where <see cref="Text"/> serves all rows.</summary>
    public string? TextWithoutInput { get; }

    /// <summary>What stands between the prompt and the answer word; it counts as part of the answer.</summary>
    public string AnswerPrefix { get; }

    /// <summary>The columns that the template names beside its own placeholders, in their order: those of <c>"City: {City}. {text}"</c> are City.</summary>
    public IReadOnlyList<string> Columns => _columns;

    private static IEnumerable<(string Name, PromptTemplate Template)> BuiltIn =>
    [
        (nameof(Classification), Classification), (nameof(Label), Label), (nameof(Plain), Plain), (nameof(Alpaca), Alpaca),
        (nameof(AlpacaEvaluation), AlpacaEvaluation), (nameof(Instruction), Instruction),
    ];

    /// <summary>The same prompt with another answer prefix.</summary>
    /// <param name="answerPrefix">What stands between the prompt and the answer word.</param>
    /// <returns>A new template.</returns>
    public PromptTemplate WithAnswerPrefix(string answerPrefix) => new(Text, answerPrefix, TextWithoutInput);

    /// <summary>The template as a short text: the name of a built-in one, else JSON.</summary>
    /// <returns>The name or the JSON.</returns>
    public override string ToString()
    {
        foreach (var (name, template) in BuiltIn)
        {
            if (template.Text == Text && template.AnswerPrefix == AnswerPrefix && template.TextWithoutInput == TextWithoutInput)
                return name;
        }
        return JsonSerializer.Serialize(new StoredTemplate(Text, AnswerPrefix, TextWithoutInput), TemplateJson.Default.StoredTemplate);
    }

    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    /// <exception cref="FormatException">It is neither the name of a built-in template nor the JSON of one.</exception>
    internal static PromptTemplate FromString(string stored)
    {
        foreach (var (name, template) in BuiltIn)
        {
            if (name == stored)
                return template;
        }
        try
        {
            var (text, answerPrefix, textWithoutInput) = JsonSerializer.Deserialize(stored, TemplateJson.Default.StoredTemplate) ?? throw new JsonException();
            return new PromptTemplate(text, answerPrefix, textWithoutInput);
        }
        catch (Exception failure) when (failure is JsonException or ArgumentException)
        {
            throw new FormatException(
                $"'{stored}' is no prompt template: it is neither one of {string.Join(", ", BuiltIn.Select(pair => pair.Name))} nor the JSON of one.", failure);
        }
    }

    /// <summary>Whether a placeholder, such as "input", stands in the prompt of a row that has everything.</summary>
    internal bool Uses(string placeholder) => _parts.Any(part => part.Placeholder == placeholder);

    /// <summary>The prompt of a row. What the row says is plain text, whatever it says; names of special tokens in the template are those tokens.</summary>
    internal MarkedText Mark(PromptRow row)
    {
        var prompt = new MarkedText();
        foreach (var part in string.IsNullOrEmpty(row.Input) && _partsWithoutInput is not null ? _partsWithoutInput : _parts)
        {
            if (part.Placeholder is null)
                prompt.Template(part.Literal);
            else
                prompt.Plain(ValueOf(part.Placeholder, row) ?? "");
        }
        return prompt;
    }

    /// <summary>The prompt of a row as one reads it.</summary>
    internal string Render(PromptRow row) => Mark(row).ToString();

    /// <summary>The prompt of a row, followed by <paramref name="word"/> as its answer.</summary>
    internal MarkedText Mark(PromptRow row, string word) => Mark(row).Template(AnswerPrefix).Plain(word);

    private static string? ValueOf(string placeholder, PromptRow row) => placeholder switch
    {
        TextPlaceholder => row.Text ?? row.Instruction,
        InstructionPlaceholder => row.Instruction ?? row.Text,
        InputPlaceholder => row.Input,
        CandidatesPlaceholder => string.Join(", ", row.Candidates),
        _ => row.Columns is { } columns && columns.TryGetValue(placeholder, out var value) ? value : throw new InvalidOperationException(
            $"The prompt template has {{{placeholder}}}, which is a column of rows, and there are only texts here: use a model or a template without it, or "
            + "hand over rows (Transform, a prediction engine)."),
    };

    private static PromptTemplate LlmAdapters(string endOfOpening, string endOfOpeningWithoutInput, string blankLine)
    {
        const string Indent = "                ";
        const string Opening = "Below is an instruction that describes a task";
        const string Request = "Write a response that appropriately completes the request.";
        const string Instruction = $"{Indent}### Instruction:\n{Indent}{{instruction}}\n";
        const string Input = $"{Indent}### Input:\n{Indent}{{input}}\n";
        const string Response = $"{Indent}### Response:\n{Indent}";
        return new PromptTemplate(
            $"{Opening}, paired with an input that provides further context. " +
            $"{Request}{endOfOpening}\n\n{Instruction}{blankLine}\n{Input}{blankLine}\n{Response}",
            "the correct answer is ",
            $"{Opening}. {Request}{endOfOpeningWithoutInput}\n\n{Instruction}{blankLine}\n{Response}");
    }

    private static List<Part> Parse(string text, string parameter)
    {
        var parts = new List<Part>();
        var literal = new StringBuilder();
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] is not ('{' or '}'))
            {
                literal.Append(text[i]);
            }
            else if (i + 1 < text.Length && text[i + 1] == text[i])
            {
                literal.Append(text[i++]);
            }
            else
            {
                var end = text[i] == '{' ? text.IndexOf('}', i) : -1;
                if (end < 0)
                    throw new ArgumentException(
                        $"The '{text[i]}' at character {i + 1} of the template has no partner; to have the brace itself in the prompt, write it " +
                        $"twice.", parameter);
                var name = text[(i + 1)..end];
                if (name.Length == 0 || name.Trim().Length != name.Length || name.Contains('{', StringComparison.Ordinal))
                    throw new ArgumentException(
                        $"The template has the placeholder '{{{name}}}', which names no column: there are " +
                        $"{string.Join(", ", Placeholders.Select(known => $"{{{known}}}"))}, and the columns by their names, without blanks around them. " +
                        $"To have the brace itself in the prompt, write it twice.", parameter);
                parts.Add(new Part(literal.ToString(), null));
                parts.Add(new Part("", name));
                literal.Clear();
                i = end;
            }
        }
        parts.Add(new Part(literal.ToString(), null));
        if (!parts.Exists(part => part.Placeholder is not (null or CandidatesPlaceholder)))
            throw new ArgumentException(
                $"The template has nothing of the row in it, so that all rows would look alike: put {{{TextPlaceholder}}}, " +
                $"{{{InstructionPlaceholder}}}, {{{InputPlaceholder}}} or a column's name in braces where it belongs.", parameter);
        return parts;
    }

    private sealed record Part(string Literal, string? Placeholder);
}
