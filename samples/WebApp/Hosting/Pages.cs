namespace WebApp.Hosting;

/// <summary>The pages: plain files under wwwroot.</summary>
internal static class Pages
{
    public static void UsePages(this WebApplication app)
    {
        app.UseDefaultFiles();
        app.UseStaticFiles(new StaticFileOptions { OnPrepareResponse = file => file.Context.Response.Headers.CacheControl = "no-cache" });
    }
}
