using System.CommandLine;

namespace Microsoft.ML.Moka.Cli.Data;

/// <summary>A row of a file of texts and labels.</summary>
internal sealed class LabelledText
{
    public string Text { get; set; } = "";

    public string Label { get; set; } = "";
}

/// <summary>The options that say which columns of a file are meant, and the rows that they make of it.</summary>
internal sealed class TrainingColumns
{
    private readonly Option<string?> _text = new("--text-column")
    {
        Description = "The column of texts to be classified. [default: text, or the only one beside the label]",
        HelpName = "name",
    };
    private readonly Option<string?> _label = new("--label-column") { Description = "The column of labels. [default: label]", HelpName = "name" };
    private readonly Option<string?> _instruction = new("--instruction-column")
    {
        Description = "The column of instructions (--task generate). [default: instruction or prompt]",
        HelpName = "name",
    };
    private readonly Option<string?> _input = new("--input-column")
    {
        Description = "The column of inputs that go with instructions (--task generate). [default: input, if there is one]",
        HelpName = "name",
    };
    private readonly Option<string?> _output = new("--output-column")
    {
        Description = "The column of texts to be written (--task generate). [default: output or response]",
        HelpName = "name",
    };

    /// <summary>The options of texts and labels.</summary>
    public IReadOnlyList<Option> LabelOptions => [_text, _label];

    public void AddLabelOptionsTo(CliCommand command)
    {
        foreach (var option in LabelOptions)
            command.Options.Add(option);
    }

    public void AddInstructionOptionsTo(CliCommand command)
    {
        command.Options.Add(_instruction);
        command.Options.Add(_input);
        command.Options.Add(_output);
    }

    /// <summary>Whether the user said which columns have texts and labels.</summary>
    public bool AreNamed(ParseResult parsed) => (parsed.GetValue(_text) ?? parsed.GetValue(_label)) is not null;

    /// <param name="parsed">What the user said.</param>
    /// <param name="path">The file or the folder.</param>
    /// <param name="split">Which rows of a folder.</param>
    /// <exception cref="InvalidDataException">A column is missing.</exception>
    public List<LabelledText> Labelled(ParseResult parsed, string path, string split)
    {
        var table = TableReader.Read(path, split);
        var label = table.Require(parsed.GetValue(_label), _label.Name, "label");
        var text = parsed.GetValue(_text) is null && table.Find("text") is null && table.Columns.Count == 2
            ? 1 - label
            : table.Require(parsed.GetValue(_text), _text.Name, "text");
        if (text == label)
            throw new UsageException($"Text and label are both the column '{table.Columns[label]}'.");
        // A row without a label is skipped by the trainer, which counts them.
        return [.. table.Rows.Select(row => new LabelledText { Text = row.Values[text] ?? "", Label = row.Values[label]?.Trim() ?? "" })];
    }

    /// <inheritdoc cref="Labelled"/>
    public List<InstructionRow> Instructions(ParseResult parsed, string path, string split)
    {
        var table = TableReader.Read(path, split);
        var instruction = table.Require(parsed.GetValue(_instruction), _instruction.Name, "instruction", "prompt");
        var output = table.Require(parsed.GetValue(_output), _output.Name, "output", "response");
        var input = parsed.GetValue(_input) is { } named ? table.Require(named, _input.Name) : table.Find("input");
        return
        [
            .. table.Rows.Select(row => new InstructionRow
            {
                Instruction = row.Values[instruction] ?? "",
                Input = (input is { } at ? row.Values[at] : null) ?? "",
                Output = row.Values[output] ?? "",
            }),
        ];
    }
}
