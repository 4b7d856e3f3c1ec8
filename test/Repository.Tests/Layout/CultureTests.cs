namespace Microsoft.ML.Moka.Tests.Layout;

/// <summary>What the package writes, pictures, reports and messages, is the same whatever culture the thread has.</summary>
public sealed class CultureTests
{
    [Fact]
    public void No_text_takes_its_numbers_from_the_thread_s_culture() => Assert.Empty(new PackageSource(PackageSource.Files()).CultureDependentTexts());

    [Theory]
    [InlineData("$\"{1.5}\"", true)]
    [InlineData("\"a\" + $\"{1000:N0} {b}\"", true)]
    [InlineData("$\"{TimeSpan.Zero}\"", true)]
    [InlineData("$\"{b} {1000} {255:X2}\"", false)]
    [InlineData("FormattableString.Invariant($\"{1.5}\")", false)]
    [InlineData("string.Create(System.Globalization.CultureInfo.InvariantCulture, $\"{1.5}\" + $\"{b}\")", false)]
    public void Texts_of_the_culture_are_found(string text, bool isFound)
    {
        var source = new PackageSource([("A.cs", $"class A {{ string M(string b) => {text}; }}")]);
        Assert.Equal(isFound, source.CultureDependentTexts().Any());
    }
}
