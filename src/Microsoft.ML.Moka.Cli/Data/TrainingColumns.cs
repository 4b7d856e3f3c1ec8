using System.CommandLine;

namespace Microsoft.ML.Moka.Cli.Data;

/// <summary>The options that say which columns of a file are meant, and the rows that they make of it.</summary>
internal sealed class TrainingColumns
{
    private readonly Option<string?> _text = new("--text-column")
    {
        Description = "The column of texts to be classified. [default: text, or the only one beside the label]",
        HelpName = "name",
    };
    private readonly Option<string?> _label = new("--label-column") { Description = "The column of labels. [default: label]", HelpName = "name" };
    private readonly Option<string?> _separator = new("--label-separator")
    {
        Description = "What separates the labels of a row in a text; lists of JSON and Parquet need none. [default: ;]",
        HelpName = "text",
    };
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
        foreach (var option in LabelOptions.Append(_separator))
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

    /// <exception cref="UsageException">The user said what separates labels, and rows have one.</exception>
    public void RequireNoSeparator(ParseResult parsed)
    {
        if (parsed.GetResult(_separator) is { Implicit: false })
            throw new UsageException($"{_separator.Name} is for rows of several labels (--multi-label), and these have one.");
    }

    /// <summary>The rows of a file that a model is trained on.</summary>
    /// <param name="parsed">What the user said.</param>
    /// <param name="path">The file or the folder.</param>
    /// <param name="split">Which rows of a folder.</param>
    /// <param name="template">The prompt, which may name columns; null for one that has the text.</param>
    /// <param name="areSeveral">Whether any number of labels may apply to a row.</param>
    /// <exception cref="InvalidDataException">A column is missing.</exception>
    public LabelledRows Labelled(ParseResult parsed, string path, string split, PromptTemplate? template, bool areSeveral = false)
    {
        var table = TableReader.Read(path, split);
        var label = LabelIn(parsed, table, areSeveral);
        var named = template?.Columns ?? [];
        var text = ReadsText(template) ? TextIn(parsed, table, label) : (int?)null;
        if (text is null && parsed.GetValue(_text) is not null)
            throw new UsageException($"{_text.Name} is given, and --template has no {{text}}: put it where the text belongs, or leave out {_text.Name}.");
        if (text == label)
            throw new UsageException($"Text and label are both the column '{table.Columns[label]}'.");
        if (named.FirstOrDefault(name => table.Find(name) == label) is { } answer)
            throw new UsageException(
                $"--template has {{{answer}}}, which is the column of labels: the model would read the answer instead of learning to give it. Leave it out.");
        if (named.Where(name => table.Find(name) is null).ToList() is { Count: > 0 } missing)
            throw new UsageException(
                $"--template has {string.Join(", ", missing.Select(name => $"{{{name}}}"))}, and {table.Path} has no such column. It has {table.Listed}; "
                + "beside columns there are {text}, {instruction}, {input} and {candidates}.");
        // A column that the prompt names keeps its name, and so does what else would be called like it.
        var (textName, labelName) = (NameOf(LabelledRows.UsualText, text), NameOf(LabelledRows.UsualLabel, label)!);
        var columns = new List<(string Name, int Place)>();
        if (text is { } place)
            columns.Add((textName!, place));
        columns.AddRange(named.Where(name => name != textName).Select(name => (name, table.Find(name)!.Value)));
        return RowsOf(parsed, table, columns, (labelName, label), areSeveral) with { Text = textName };

        string? NameOf(string usual, int? column) => column is not { } at ? null : named.Contains(usual) ? table.Columns[at] : usual;
    }

    /// <summary>The rows of a file that a model is measured on.</summary>
    /// <param name="parsed">What the user said.</param>
    /// <param name="path">The file or the folder.</param>
    /// <param name="split">Which rows of a folder.</param>
    /// <param name="input">What the model reads.</param>
    /// <param name="areSeveral">Whether any number of labels may apply to a row.</param>
    /// <inheritdoc cref="Labelled" path="/exception"/>
    public LabelledRows Labelled(ParseResult parsed, string path, string split, ModelInput input, bool areSeveral)
    {
        var table = TableReader.Read(path, split);
        var label = LabelIn(parsed, table, areSeveral);
        var columns = input.PlacesIn(table, parsed.GetValue(_text), _text.Name, except: label);
        var (values, labels) = LabelsOf(parsed, table, label, areSeveral);
        return new LabelledRows(input.View(table, columns, [(input.Label, values)]), input.Label, labels);
    }

    private int LabelIn(ParseResult parsed, Table table, bool areSeveral) =>
        table.Require(parsed.GetValue(_label), _label.Name, areSeveral ? ["label", "labels"] : ["label"]);

    private int TextIn(ParseResult parsed, Table table, int label) =>
        parsed.GetValue(_text) is null && table.Find("text") is null && table.Columns.Count == 2
            ? 1 - label
            : table.Require(parsed.GetValue(_text), _text.Name, "text");

    private LabelledRows RowsOf(ParseResult parsed, Table table, List<(string Name, int Place)> columns, (string Name, int Place) label, bool areSeveral)
    {
        var texts = columns.ConvertAll(column => (column.Name, Values: CellValues.Texts(table, column.Place)));
        var (values, labels) = LabelsOf(parsed, table, label.Place, areSeveral);
        var view = new ColumnView([.. texts.Select(column => (column.Name, ColumnView.Texts(column.Values))), (label.Name, values)], table.Rows.Count);
        return new LabelledRows(view, label.Name, labels)
        {
            First = texts.ToDictionary(column => column.Name, column => column.Values[0]),
        };
    }

    // A row without a label is skipped by the trainer, which counts them.
    private (Array Values, IReadOnlyList<IReadOnlyList<string>> Labels) LabelsOf(ParseResult parsed, Table table, int label, bool areSeveral)
    {
        if (!areSeveral)
        {
            List<string> one = [.. table.Rows.Select(row => row.Values[label]?.Trim() ?? "")];
            return (ColumnView.Texts(one), one.ConvertAll(text => (IReadOnlyList<string>)[text]));
        }
        var separator = parsed.GetValue(_separator) ?? ";";
        var several = CellValues.Labels(
            table, label, separator.Length > 0 ? separator : throw new UsageException($"{_separator.Name} is empty: say what separates the labels of a row."));
        return (ColumnView.Vectors(several), several);
    }

    // {instruction} without a column of instructions is the text. A brace that is none of a placeholder is there twice.
    private static bool ReadsText(PromptTemplate? template) => template is null
        || template.Text.Replace("{{", "", StringComparison.Ordinal) is var text
            && (text.Contains("{text}", StringComparison.Ordinal) || text.Contains("{instruction}", StringComparison.Ordinal));

    /// <summary>The rows of a file that writing is learned from.</summary>
    /// <param name="parsed">What the user said.</param>
    /// <param name="path">The file or the folder.</param>
    /// <param name="split">Which rows of a folder.</param>
    /// <exception cref="InvalidDataException">A column is missing.</exception>
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
