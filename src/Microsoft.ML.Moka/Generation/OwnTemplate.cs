using System.Text;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Generation;

/// <summary>The chat template that a backbone brings along.</summary>
internal static class OwnTemplate
{
    private const string ConfigFile = "tokenizer_config.json";
    private const string Field = "chat_template";
    private const string DefaultName = "default";

    /// <summary>
    /// The template's text and what errors call it; null where there is none. A file of its own counts more than the tokenizer's configuration.
    /// </summary>
    /// <param name="files">The tokenizer's files.</param>
    /// <exception cref="InvalidDataException">There are several templates, and none of them is the default one.</exception>
    public static (string Text, string Source)? Find(IReadOnlyDictionary<string, byte[]> files)
    {
        if (files.TryGetValue(BackboneTokenizer.ChatTemplateFile, out var content))
            return (Encoding.UTF8.GetString(content).TrimStart('\uFEFF'), BackboneTokenizer.ChatTemplateFile);
        return files.TryGetValue(ConfigFile, out content) && JsonFields.Parse(content, ConfigFile, Read) is { } text ? (text, $"{Field} of {ConfigFile}")
            : null;
    }

    // A text, or a list of templates that have names.
    private static string? Read(JsonFields fields)
    {
        if (!fields.Has(Field))
            return null;
        if (fields.IsText(Field))
            return fields.Text(Field);
        var named = fields.Objects(Field).Select(entry => (Name: entry.Text("name"), Template: entry.Text("template"))).ToList();
        if (named.Count == 0)
            return null;
        return named.FirstOrDefault(entry => entry.Name == DefaultName).Template
            ?? throw fields.Error(
                Field,
                $"has no template named '{DefaultName}', only '{string.Join("', '", named.Select(entry => entry.Name))}'; hand one to ChatTemplate.FromJinja");
    }
}
