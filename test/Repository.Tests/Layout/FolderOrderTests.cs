using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;

namespace Microsoft.ML.Moka.Tests.Layout;

/// <summary>A folder of the package uses only folders above it in ARCHITECTURE.md's table, and a namespace tells where a type lies.</summary>
public sealed partial class FolderOrderTests
{
    private static readonly IReadOnlyList<string> Folders =
        [.. Row().Matches(File.ReadAllText(Path.Combine(Repository.Root, "ARCHITECTURE.md"))).Select(match => match.Groups[1].Value)];

    private static readonly Lazy<PackageSource> Source = new(() => new PackageSource(PackageSource.Files()));

    [Fact]
    public void The_source_is_understood()
    {
        Assert.True(Source.Value.Uses.Count > 1000);
        Assert.Empty(Source.Value.Errors());
    }

    [Fact]
    public void Every_file_lies_in_a_folder_of_the_table()
    {
        Assert.All(PackageSource.Files(), file => Assert.Contains(Folder(file.Name), Folders));
        Assert.All(Folders, folder => Assert.True(Directory.Exists(Path.Combine(PackageSource.Root, folder)), $"There is no folder {folder}."));
    }

    [Fact]
    public void A_folder_uses_only_folders_above_it() => Assert.Empty(UpwardUses(Source.Value.Uses));

    [Fact]
    public void A_file_that_is_moved_against_the_order_is_found()
    {
        var moved = Source.Value.Uses.Select(use => use with { From = Moved(use.From), To = Moved(use.To) });

        Assert.Contains("Tensors/Optimizer.cs uses TrainingPlan of Training/TrainingPlan.cs", UpwardUses(moved));

        static string Moved(string file) => file == "Training/Optimizer.cs" ? "Tensors/Optimizer.cs" : file;
    }

    [Fact]
    public void A_name_in_nameof_counts_as_a_use()
    {
        var source =
            new PackageSource([("Tensors/Low.cs", "class Low { string Text = nameof(High.Name); }"), ("Trainers/High.cs", "class High { public int Name; }")]);

        Assert.Equal(["Tensors/Low.cs uses High of Trainers/High.cs"], UpwardUses(source.Uses));
    }

    /// <summary>Public types are Microsoft.ML.Moka's, extensions of ML.NET's catalogs Microsoft.ML's; internal types have their folder's namespace.</summary>
    [Fact]
    public void Namespaces_follow_the_folders()
    {
        var wrong = Source.Value.Types()
            .Where(type => type.File.Length > 0 && type.Type.Name != "IgnoresAccessChecksToAttribute")
            .Where(type => type.Type.ContainingNamespace.ToDisplayString() != NamespaceFor(type.File, type.Type))
            .Select(type => $"{type.File}: {type.Type.Name} is in {type.Type.ContainingNamespace}");

        Assert.Empty(wrong.Distinct());
    }

    private static string NamespaceFor(string file, INamedTypeSymbol type) => type switch
    {
        { DeclaredAccessibility: Accessibility.Public, IsStatic: true } when Folder(file) == "Catalogs" => "Microsoft.ML",
        { DeclaredAccessibility: Accessibility.Public } => "Microsoft.ML.Moka",
        _ => $"Microsoft.ML.Moka.{Path.GetDirectoryName(file)!.Replace('\\', '/').Replace('/', '.')}",
    };

    private static List<string> UpwardUses(IEnumerable<(string From, string To, string What)> uses) =>
        [.. uses.Where(use => Floor(use.To) > Floor(use.From)).Select(use => $"{use.From} uses {use.What} of {use.To}").Distinct()];

    private static int Floor(string file) => Folders.ToList().IndexOf(Folder(file));

    private static string Folder(string file) => file.Split('/')[0];

    [GeneratedRegex(@"^\| `(\w+)/` \|", RegexOptions.Multiline)]
    private static partial Regex Row();
}
