using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Microsoft.ML.Moka.Tests.Layout;

/// <summary>The source of src/Microsoft.ML.Moka as the compiler understands it: which file declares what, and which uses it.</summary>
internal sealed class PackageSource
{
    private const string GlobalUsings = """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Net.Http;
        global using System.Threading;
        global using System.Threading.Tasks;
        """;

    private readonly CSharpCompilation _compilation;
    private readonly Lazy<IReadOnlyList<(string From, string To, string What)>> _uses;

    /// <param name="files">Names of files, as in "Tensors/Tape.cs", and their text.</param>
    public PackageSource(IEnumerable<(string Name, string Text)> files)
    {
        var options = CSharpParseOptions.Default.WithLanguageVersion(LanguageVersion.Preview);
        var trees = files.Append((Name: "", Text: GlobalUsings)).Select(file => CSharpSyntaxTree.ParseText(file.Text, options, file.Name));
        var references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => Path.GetFileName(path) != "Microsoft.ML.Moka.dll")
            .Select(path => MetadataReference.CreateFromFile(path));
        _compilation =
            CSharpCompilation.Create("Source", trees, references, new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true));
        _uses = new(() => [.. FindUses().Distinct()]);
    }

    public static string Root { get; } = Path.Combine(Repository.Root, "src", "Microsoft.ML.Moka");

    /// <summary>The package's own files.</summary>
    public static IEnumerable<(string Name, string Text)> Files() =>
        Directory.EnumerateFiles(Root, "*.cs", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Root, path).Replace('\\', '/'))
            .Where(name => !name.StartsWith("obj/", StringComparison.Ordinal) && !name.StartsWith("bin/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(name => (name, File.ReadAllText(Path.Combine(Root, name))));

    /// <summary>Which file names which type of another file; documentation comments may name whatever they like.</summary>
    public IReadOnlyList<(string From, string To, string What)> Uses => _uses.Value;

    /// <summary>The types that stand in no other type.</summary>
    public IEnumerable<(string File, INamedTypeSymbol Type)> Types() =>
        from tree in _compilation.SyntaxTrees
        from declaration in tree.GetRoot().DescendantNodes()
            .Where(node => node is BaseTypeDeclarationSyntax or DelegateDeclarationSyntax && node.Parent is not BaseTypeDeclarationSyntax)
        let symbol = (INamedTypeSymbol)_compilation.GetSemanticModel(tree).GetDeclaredSymbol(declaration)!
        where symbol.ContainingType is null
        select (tree.FilePath, symbol);

    /// <summary>What the compiler could not make out, but for what it is not given here: generated code, and ML.NET's internals.</summary>
    public ImmutableArray<Diagnostic> Errors() =>
        [.. _compilation.GetDiagnostics().Where(diagnostic => diagnostic is { Severity: DiagnosticSeverity.Error, Id: "CS0246" or "CS0103" or "CS0234" }
            && !_compilation.SyntaxTrees.Any(tree =>
                tree == diagnostic.Location.SourceTree && tree.ToString().Contains("extern alias", StringComparison.Ordinal)))];

    private IEnumerable<(string From, string To, string What)> FindUses()
    {
        foreach (var tree in _compilation.SyntaxTrees)
        {
            var model = _compilation.GetSemanticModel(tree);
            foreach (var name in tree.GetRoot().DescendantNodes().OfType<SimpleNameSyntax>())
            {
                var info = model.GetSymbolInfo(name);
                var symbol = info.Symbol ?? (info.CandidateSymbols is [var first, ..] ? first : null);
                // nameof names a type or a member as an expression; the group of methods that it may stand for is a candidate too.
                if (TypeOf(symbol) is not { } type)
                    continue;
                foreach (var declaration in type.DeclaringSyntaxReferences.Where(declaration => declaration.SyntaxTree != tree))
                    yield return (tree.FilePath, declaration.SyntaxTree.FilePath, type.Name);
            }
        }
    }

    /// <summary>Texts with numbers or times in them that the thread's culture would write, as "file:line: number".</summary>
    public IEnumerable<string> CultureDependentTexts()
    {
        foreach (var tree in _compilation.SyntaxTrees)
        {
            var model = _compilation.GetSemanticModel(tree);
            foreach (var text in tree.GetRoot().DescendantNodes().OfType<InterpolatedStringExpressionSyntax>())
            {
                // Texts that are joined become what the whole becomes: a string at once, or what somebody formats with a culture of his own.
                ExpressionSyntax whole = text;
                while (whole.Parent is BinaryExpressionSyntax { RawKind: (int)SyntaxKind.AddExpression } or ParenthesizedExpressionSyntax)
                    whole = (ExpressionSyntax)whole.Parent;
                if (model.GetTypeInfo(whole).ConvertedType?.SpecialType != SpecialType.System_String)
                    continue;
                foreach (var part in text.Contents.OfType<InterpolationSyntax>())
                {
                    if (IsWrittenByCulture(model.GetTypeInfo(part.Expression).Type, part.FormatClause?.FormatStringToken.Text))
                        yield return $"{tree.FilePath}:{part.GetLocation().GetLineSpan().StartLinePosition.Line + 1}: {part}";
                }
            }
        }
    }

    /// <summary>Fractions and times are, whole numbers only with groups of digits; their sign alone does not count here.</summary>
    private static bool IsWrittenByCulture(ITypeSymbol? type, string? format)
    {
        if (type is INamedTypeSymbol { OriginalDefinition.SpecialType: SpecialType.System_Nullable_T } nullable)
            type = nullable.TypeArguments[0];
        return type?.SpecialType switch
        {
            SpecialType.System_Single or SpecialType.System_Double or SpecialType.System_Decimal or SpecialType.System_DateTime => true,
            >= SpecialType.System_SByte and <= SpecialType.System_UInt64 => format is not null && !format.StartsWith('X') && !format.StartsWith('0'),
            _ => type?.Name is "DateTimeOffset" or "TimeSpan" or "DateOnly" or "Half" or "BigInteger",
        };
    }

    private static INamedTypeSymbol? TypeOf(ISymbol? symbol) => symbol switch
    {
        INamedTypeSymbol type => type.OriginalDefinition,
        IMethodSymbol or IPropertySymbol or IFieldSymbol or IEventSymbol => symbol.ContainingType?.OriginalDefinition,
        _ => null,
    };
}
