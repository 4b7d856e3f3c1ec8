using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Microsoft.ML.Moka.Tests.Docs;

/// <summary>A text of the source, with "…" for what is filled in at run time.</summary>
/// <param name="File">The path under src, with slashes.</param>
/// <param name="Text">The text.</param>
/// <param name="IsThrown">Whether it is the message of an exception that is made right there.</param>
internal sealed record SourceMessage(string File, string Text, bool IsThrown)
{
    /// <summary>Whether a quote is of this text: what stands between its dots is there, in that order.</summary>
    public bool IsQuotedBy(string quote)
    {
        var from = 0;
        foreach (var part in quote.Split('…', StringSplitOptions.RemoveEmptyEntries))
        {
            var at = Text.IndexOf(part, from, StringComparison.Ordinal);
            if (at < 0)
                return false;
            from = at + part.Length;
        }
        return true;
    }
}

/// <summary>All texts of the source of the packages that programs use.</summary>
internal static class SourceMessages
{
    public static IReadOnlyList<SourceMessage> Read() =>
    [
        .. ((string[])["Microsoft.ML.Moka", "Microsoft.ML.Moka.Datasets", "Microsoft.ML.Moka.Extensions", "Microsoft.ML.Moka.Orleans"])
            .SelectMany(package => Of(Path.Combine(Repository.Root, "src", package))),
    ];

    private static List<SourceMessage> Of(string root)
    {
        var options = new CSharpParseOptions(LanguageVersion.CSharp14);
        var messages = new List<SourceMessage>();
        foreach (var file in Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories))
        {
            var name = Path.GetRelativePath(root, file).Replace('\\', '/');
            if (name.StartsWith("obj/", StringComparison.Ordinal) || name.StartsWith("bin/", StringComparison.Ordinal))
                continue;
            foreach (var expression in CSharpSyntaxTree.ParseText(File.ReadAllText(file), options).GetRoot().DescendantNodes().OfType<ExpressionSyntax>())
            {
                // Of texts that are joined, the whole.
                if (expression.Parent is BinaryExpressionSyntax { RawKind: (int)SyntaxKind.AddExpression } || TextOf(expression) is not { } text)
                    continue;
                var thrown = expression.Parent is ArgumentSyntax { Parent.Parent: ObjectCreationExpressionSyntax creation }
                    && creation.Type.ToString().EndsWith("Exception", StringComparison.Ordinal);
                messages.Add(new SourceMessage(name, text, thrown));
            }
        }
        return messages;
    }

    private static string? TextOf(ExpressionSyntax expression) => expression switch
    {
        LiteralExpressionSyntax literal when literal.IsKind(SyntaxKind.StringLiteralExpression) => literal.Token.ValueText,
        InterpolatedStringExpressionSyntax interpolated =>
            string.Concat(interpolated.Contents.Select(content => content is InterpolatedStringTextSyntax text ? text.TextToken.ValueText : "…"))
            .Replace("{{", "{", StringComparison.Ordinal).Replace("}}", "}", StringComparison.Ordinal),
        BinaryExpressionSyntax sum when sum.IsKind(SyntaxKind.AddExpression) && TextOf(sum.Left) is { } left && TextOf(sum.Right) is { } right => left + right,
        _ => null,
    };
}
